/** Level-triggered irqfds that resample, and the process's descriptors, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../../src/explore/index.ts';
import { LINE } from '../../../src/gic/state.ts';
import * as fds from '../../../src/kvm/fds.ts';
import { Layout } from '../../../src/memory/layout.ts';
import { load, store, type Words } from '../../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../../exploring.ts';
import { loadMutated } from '../../mutate.ts';
import { onMachine, SPI, type Story, type View } from './rig.ts';

const device = (view: View) => view.signal(0, () => view.vm.irqfds.write(0));

describe('a level-triggered irqfd that resamples', () => {
  const resampling: Pick<Story, 'levels' | 'before'> = {
    levels: true,
    before: ({ vm }) => vm.assignIrqFd(0, 0, { resamplefd: 1 }),
  };
  /** Has raised its line, waits until it is asked to look again, raises it again, and waits for the end of that. */
  const story: Story = {
    name: 'resample-and-raise',
    levels: true,
    before: (view) => {
      view.vm.assignIrqFd(0, 0, { resamplefd: 1 });
      device(view);
    },
    threads: {
      device: (view) => {
        view.vm.irqfds.eventfd(1).read();
        device(view);
        view.vm.irqfds.eventfd(1).read();
      },
      vcpu: (view) => void view.run(0, () => view.seen(0) === 2),
    },
  };

  test('is told of each end, and what it raises then is delivered, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(1000);
  });

  test('also where nothing was raised yet: up to one preemption, and 3,000 random schedules', () => {
    const twice: Story = {
      ...story,
      ...resampling,
      threads: {
        ...story.threads,
        device: (view) => {
          for (let n = 0; n < 2; n++) {
            device(view);
            view.vm.irqfds.eventfd(1).read();
          }
        },
      },
    };
    passesWithin(onMachine(twice), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(twice), { strategy: 'pct', schedules: 3000 });
  });

  test('not so with a line that is lowered after the device was told', () => {
    const late = onMachine(story, 'line-lowered-before-telling: lowered afterwards');
    isCaught(late, ['deadlock', 'orphan-wait', 'lost-wakeup']);
  });

  test('an end that no thread notes leaves the line up, and the vCPU is never done', () => {
    isCaught(onMachine(story, 'watched-end-is-told: not noted'), ['livelock', 'step-limit'], { steps: 400 });
  });

  test('also while the table is replaced by an equal one: 3,000 random schedules', () => {
    const seen = (view: View) => view.seen(0) === 1;
    const replaced: Story = {
      ...resampling,
      name: 'resample-against-routing',
      threads: {
        device: (view) => {
          device(view);
          view.vm.irqfds.eventfd(1).read();
        },
        userland: (view) => view.vm.setGsiRouting([{ type: 'irqchip', gsi: 0, irqchip: 0, pin: 0 }]),
        vcpu: (view) => view.takeUntil(0, () => seen(view)),
        main: (view) => view.serveUntil(() => seen(view)),
      },
    };
    passesWithin(onMachine(replaced), { strategy: 'pct', schedules: 3000 });
  });

  /** The line may be up, or the interrupt active, or its end not passed on yet, when the irqfd goes. */
  const removed: Story = {
    ...resampling,
    name: 'resample-against-deassign',
    threads: {
      device,
      userland: (view) => view.vm.deassignIrqFd(0, 0),
      // Once or twice: no vCPU ends a level as long as no handler serves its device.
      vcpu: (view) => void view.drain(0, 2),
    },
    finally: (view) => {
      const state = view.interrupts.state(view.interrupts.find(0, SPI));
      expect(state & LINE, 'its line, which no device would ever lower again').toBe(0);
    },
    sources: [],
  };

  test('leaves no line up when it is deassigned: up to one preemption, and 3,000 random schedules', () => {
    passesWithin(onMachine(removed), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(removed), { strategy: 'pct', schedules: 3000 });
  });

  test('not so where a deassignment lowers nothing', () => {
    isCaught(onMachine(removed, 'last-resampler-lowers-line: left up'), 'assertion');
  });
});

describe('two descriptors that are opened at once', () => {
  const LAYOUT = new Layout();
  const REGION = fds.fdRegion(LAYOUT, 1);
  const GOT = LAYOUT.region('got', 2).at;
  const scenario = (module: typeof fds): Scenario<Words> => {
    const table = (words: Words) => new module.FdTable(words, REGION);
    const open = (payload: number) => (words: Words) =>
      store(words, GOT + payload - 1, table(words).open('open', fds.FD_DEVICE, payload));
    return {
      name: 'open-two',
      words: LAYOUT.words,
      threads: { one: open(1), other: open(2) },
      finally: (words) => {
        const [one, other] = [load(words, GOT), load(words, GOT + 1)];
        expect([table(words).kindOf(one), table(words).kindOf(other)]).toEqual([
          fds.FD_DEVICE,
          fds.FD_DEVICE,
        ]);
        expect([table(words).payloadOf(one), table(words).payloadOf(other)]).toEqual([1, 2]);
      },
    };
  };

  test('each stands for what it was opened for, whatever the order', () => {
    expect(passesEvery(scenario(fds)).schedules).toBeGreaterThan(2);
  });

  test('not so where what it stands for is written before the number is taken', () => {
    const mistake = 'number-before-payload: written first';
    const { module } = loadMutated<{ module: typeof fds }>({ module: 'kvm/fds.ts' }, mistake);
    isCaught(scenario(module), 'assertion');
  });
});
