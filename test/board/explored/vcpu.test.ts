/** The vCPU's side of the machine under every interleaving: parking, kicks, injectors that meet, and ends of interrupts. */
import { describe, expect, test } from 'vitest';
import { REQUEST_EXIT, REQUEST_PAUSE } from '../../../src/board/vcpu-control.ts';
import { add, load } from '../../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../../exploring.ts';
import { LPI, MAPD, mapc, mapti, msi, ONE_EVENT, onMachine, SPI, type Story, type View } from './rig.ts';

/** One event of a device, by eventfd 0 and MSI route 2. */
const BY_IRQFD = { commands: ONE_EVENT, routes: [msi(2, 0)], hooked: [2] } as const;
const device = (view: View) => view.signal(0, () => view.vm.irqfds.write(0));
/** Runs until all `signals` have been seen, and sleeps for good if one is lost. */
const takes = (signals: number) => (view: View) => void view.run(0, () => view.seen(0) === signals);

describe('a signal against a vCPU that parks', () => {
  const story: Story = { name: 'signal-against-park', ...BY_IRQFD, threads: { device, vcpu: takes(1) } };

  test('is never slept through, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(4);
  });

  test.each([
    {
      title: 'a vCPU that does not look again before it parks',
      mistake: 'halt-looks-again: no look',
    },
    {
      title: 'a vCPU that looks before it announces that it will park',
      mistake: 'halt-announces-before-look: after its look',
    },
    {
      title: 'a bell that does not move its count',
      mistake: 'waker-moves-count: not moved',
    },
    { title: 'a list that is written after the ring', mistake: 'ring-after-list: rings first' },
    { title: 'a list that rings no vCPU', mistake: 'ring-after-list: no ring' },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(story, mistake), ['lost-wakeup', 'orphan-wait']);
  });
});

describe('a signal that is left to the main thread', () => {
  const seen = (view: View, signals: number) => view.seen(0) === signals;
  const main = (signals: number) => (view: View) => view.serveUntil(() => seen(view, signals));
  const vcpu = (signals: number) => (view: View) => view.takeUntil(0, () => seen(view, signals));
  const story = (dispatch: 'main' | 'inline', signals: number): Story => ({
    name: `dispatch-${dispatch}`,
    ...BY_IRQFD,
    dispatch,
    // Not in the cache: the device's thread cannot do it by itself.
    cached: [],
    threads: {
      device: (view) => {
        for (let n = 0; n < signals; n++) device(view);
      },
      main: main(signals),
      vcpu: vcpu(signals),
    },
  });

  test.each(['main', 'inline'] as const)('is never slept through, whatever the order: %s', (dispatch) => {
    expect(passesEvery(onMachine(story(dispatch, 1))).schedules).toBeGreaterThan(10);
  });

  test.each(['main', 'inline'] as const)('nor is a second one, up to one preemption: %s', (dispatch) => {
    passesWithin(onMachine(story(dispatch, 2)), { strategy: 'dfs', preemptions: 1 });
  });

  test.each([
    {
      title: 'a bell that is rung before the eventfd is marked',
      dispatch: 'main',
      mistake: 'bell-after-mark: rung first',
    },
    {
      title: 'a mark that is taken away after the count was read',
      dispatch: 'main',
      mistake: 'ring-claimed-before-served: claimed afterwards',
    },
    {
      title: 'a main thread that naps without a second look',
      dispatch: 'main',
      mistake: 'nap-looks-again: no look',
    },
    {
      title: 'work without a ring',
      dispatch: 'inline',
      mistake: 'deferred-work-rings: no ring',
    },
  ] as const)('not so with $title', ({ dispatch, mistake }) => {
    isCaught(onMachine(story(dispatch, 2), mistake), ['lost-wakeup', 'orphan-wait', 'deadlock']);
  });
});

describe('a kick against a vCPU that parks', () => {
  const story: Story = {
    name: 'kick-against-park',
    ...BY_IRQFD,
    threads: {
      vcpu: (view) => expect(view.run(0, () => false)).toBe('exit'),
      console: (view) => view.makeVcpu(0).kick(),
    },
  };

  test('makes it leave its guest, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(4);
  });

  test('together with a signal, which is taken then or at the next run', () => {
    const both: Story = {
      ...story,
      threads: { ...story.threads, device },
    };
    expect(passesEvery(onMachine(both)).schedules).toBeGreaterThan(20);
  });

  test('two kicks for two reasons are two exits, whatever the order', () => {
    const two: Story = {
      ...story,
      threads: {
        vcpu: (view) => {
          const reasons = [view.run(0, () => false), view.run(0, () => false)];
          expect(reasons.sort()).toEqual(['exit', 'pause']);
        },
        console: (view) => view.makeVcpu(0).kick(REQUEST_EXIT),
        other: (view) => view.makeVcpu(0).kick(REQUEST_PAUSE),
      },
    };
    expect(passesEvery(onMachine(two)).schedules).toBeGreaterThan(100);
  });

  test('not so where the ring comes before the request', () => {
    isCaught(onMachine(story, 'request-before-ring: rings first'), ['lost-wakeup', 'orphan-wait']);
  });

  test('not so where the vCPU looks for interrupts only', () => {
    isCaught(onMachine(story, 'halt-minds-requests: interrupts only'), ['lost-wakeup', 'orphan-wait']);
  });
});

describe('two injectors of one LPI', () => {
  const BOTH = { commands: ONE_EVENT, routes: [msi(2, 0), msi(3, 0)], hooked: [2, 3] } as const;
  const other = (view: View) => view.signal(0, () => view.vm.irqfds.write(1));
  const vcpu = (view: View) => void view.drain(0);
  const story: Story = {
    name: 'two-injectors',
    ...BOTH,
    threads: { device, other, vcpu },
  };

  test('each is followed by a delivery, and there are no more than both, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(20);
  });

  test('also against a vCPU that parks: up to one preemption, and 5,000 random schedules', () => {
    const parking = { ...story, threads: { device, other, vcpu: takes(2) } };
    passesWithin(onMachine(parking), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(parking), { strategy: 'pct', schedules: 5000 });
  });

  /** The same of an SPI, whose word says more: that it is active, and by its end that it no longer is. */
  const wired: Story = { name: 'two-injectors-of-an-spi', hooked: [0, 0], threads: story.threads };

  test('also of an edge-triggered SPI', () => {
    expect(passesEvery(onMachine(wired)).schedules).toBeGreaterThan(20);
  });

  test('not so with a latch in two steps', () => {
    isCaught(onMachine(wired, 'latch-is-one-step: in two steps'), 'assertion');
  });
});

describe('an LPI that comes again, and is on the list still', () => {
  const twice = (view: View) => {
    device(view);
    device(view);
  };
  const story: Story = { name: 'comes-again', ...BY_IRQFD, threads: { device: twice, vcpu: takes(2) } };
  /** The vCPU has taken it twice in a row before, so that the third is the one that is left on the list. */
  const third: Story = {
    ...story,
    name: 'comes-a-third-time',
    before: (view) => {
      for (let turn = 0; turn < 2; turn++) {
        device(view);
        view.drain(0, 1);
      }
    },
    threads: { device, vcpu: takes(3) },
  };

  test('nor is the third, whatever the order', () => {
    expect(passesEvery(onMachine(third)).schedules).toBeGreaterThan(4);
  });

  test('is never slept through, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(10);
  });

  test('not so with a search that passes over it unseen', () => {
    const passing = onMachine(third, 'lone-interrupt-is-found: passed over');
    isCaught(passing, ['lost-wakeup', 'orphan-wait', 'livelock', 'deadlock']);
  });
});

describe('an LPI that is alone on the list, against another', () => {
  /** LPI 0 has come once, and comes twice more by the vCPU's own doing, so that it stays; LPI 1 comes once, at any time. */
  const story: Story = {
    name: 'alone-against-another',
    commands: [MAPD, mapc(0), mapti(0, LPI), mapti(1, LPI + 1)],
    routes: [msi(2, 0), msi(3, 1)],
    hooked: [2, 3],
    before: (view) => {
      device(view);
      view.drain(0, 1);
    },
    threads: {
      device: (view) =>
        view.signal(1, () => view.interrupts.latch(view.interrupts.find(0, LPI + 1), LPI + 1)),
      vcpu: (view) => {
        view.signal(0, () => view.interrupts.latch(view.interrupts.find(0, LPI), LPI));
        const cpu = view.makeVcpu(0);
        cpu.run({
          finished: () => view.seen(0) === 3 && view.seen(1) === 1,
          interrupt: (intid) => {
            view.deliver(intid);
            if (intid === LPI && view.seen(0) < 3)
              view.signal(0, () => view.interrupts.latch(view.interrupts.find(0, LPI), LPI));
          },
        });
      },
    },
    sources: [0, 1],
  };

  test('neither is slept through, up to two preemptions, and in 3,000 schedules by pct', () => {
    passesWithin(onMachine(story), { strategy: 'dfs', preemptions: 2 });
    passesWithin(onMachine(story), { strategy: 'pct', schedules: 3000 });
  });

  /** The vCPU looks three times, and does not sleep. */
  const looking: Story = {
    ...story,
    name: 'alone-against-another-while-the-vcpu-looks',
    threads: {
      device: story.threads.device ?? device,
      vcpu: (view) => {
        const cpu = view.makeCpu(0);
        for (let turn = 0; turn < 2; turn++) {
          view.signal(0, () => view.interrupts.latch(view.interrupts.find(0, LPI), LPI));
          view.drain(0, 1, cpu);
        }
        view.drain(0, 1, cpu);
      },
    },
  };

  test('neither is lost while the vCPU looks, whatever the order', () => {
    expect(passesEvery(onMachine(looking)).schedules).toBeGreaterThan(20);
  });

  test.each([
    {
      title: 'a note that no producer takes away',
      mistake: 'producer-ends-lone-note: left there',
    },
    {
      title: 'a note that a producer takes away before the list is written, and not after',
      mistake: 'append-ends-lone-note: not ended',
    },
    {
      title: 'a note that is written after the search',
      mistake: 'lone-note-before-look: after the look',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(story, mistake), ['lost-wakeup', 'orphan-wait', 'livelock', 'deadlock']);
  });
});

describe('a list whose ring has room for two interrupts', () => {
  const small = 'ring-buffer-size: two slots';
  const story: Story = {
    name: 'full-ring',
    commands: [MAPD, mapc(0), mapti(0, LPI), mapti(1, LPI + 1)],
    routes: [msi(2, 0), msi(3, 1)],
    hooked: [2, 3],
    // An SPI has one of the two slots.
    before: (view) => view.signal(2, () => view.interrupts.latch(view.interrupts.find(0, SPI), SPI)),
    sourceOf: (intid) => (intid === SPI ? 2 : intid - LPI),
    threads: {
      device,
      other: (view) => view.signal(1, () => view.vm.irqfds.write(1)),
      vcpu: (view) => void view.run(0, () => [0, 1, 2].every((source) => view.seen(source) === 1)),
    },
    sources: [0, 1, 2],
  };

  test('the interrupt that finds no slot is found by its bit, in 500 schedules by lot and 500 by pct', () => {
    passesWithin(onMachine(story, small), { strategy: 'random', schedules: 500 });
    passesWithin(onMachine(story, small), { strategy: 'pct', schedules: 500 });
  });

  test.each([
    { title: 'a full ring without a mark of the overflow', mistake: 'full-ring-says-so: not said' },
    {
      title: 'a search of the bits that ends with the first',
      mistake: 'bits-are-searched-on: only once',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(story, small, mistake), ['lost-wakeup', 'orphan-wait', 'livelock', 'deadlock']);
  });
});

describe('the end of an interrupt against its next signal', () => {
  const edge = (view: View) => view.signal(0, () => view.vm.irqfds.write(0));
  const story: Story = {
    name: 'end-against-signal',
    hooked: [0],
    threads: {
      device: (view) => {
        edge(view);
        edge(view);
      },
      vcpu: takes(2),
    },
  };

  test('of an edge: it is taken again, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(10);
  });

  /** The handler also looks at what is pending, as a read of ICC_HPPIR1 does. */
  const looking: Story = {
    ...story,
    name: 'end-against-signal-and-look',
    threads: {
      ...story.threads,
      vcpu: (view) => {
        view.run(0, () => view.seen(0) === 2, {
          interrupt: (intid) => {
            view.deliver(intid);
            view.interrupts.best(0, -1);
          },
        });
      },
    },
  };

  test('of an edge: it is taken again where the handler looks at what is pending, up to two preemptions', () => {
    passesWithin(onMachine(looking), { strategy: 'dfs', preemptions: 2 });
  });

  /** A level: the line stays up over the first end, so the interrupt comes again; the second handler lowers it. */
  const level: Story = {
    name: 'end-against-level',
    threads: {
      device: (view) => {
        const at = view.interrupts.find(0, SPI);
        view.signal(0, () => view.interrupts.drive(at, SPI, true));
      },
      vcpu: (view) => {
        const at = view.interrupts.find(0, SPI);
        view.run(0, () => load(view.words, view.free) === 2, {
          interrupt: (intid) => {
            if (add(view.words, view.free, 1) === 0) return;
            view.interrupts.drive(at, SPI, false);
            view.deliver(intid);
          },
        });
      },
    },
    levels: true,
  };

  test('of a level: it is taken again while its line is up, whatever the order', () => {
    expect(passesEvery(onMachine(level)).schedules).toBeGreaterThan(4);
  });

  test.each([
    {
      title: 'an end that lists nothing, of what a walk has taken off the list while it was active',
      mistake: 'end-lists-next: not listed, nor kept in place',
    },
    {
      title: 'an end in two steps',
      mistake: 'end-is-one-step: in two steps',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(looking, mistake), ['orphan-wait', 'lost-wakeup', 'assertion']);
  });
});
