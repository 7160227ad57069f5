/** KVM's calls against signals, under every interleaving: the routing table, irqfds that come and go, masks made of them. */
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../../src/explore/index.ts';
import { LINE } from '../../../src/gic/state.ts';
import * as fds from '../../../src/kvm/fds.ts';
import type { Gsi } from '../../../src/kvm/gsi.ts';
import { Layout } from '../../../src/memory/layout.ts';
import { load, store, type Words } from '../../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../../exploring.ts';
import { loadMutated, type Mutation } from '../../mutate.ts';
import {
  DEVICE_ID,
  LPI,
  MAPD,
  mapc,
  mapti,
  msi,
  ONE_EVENT,
  onMachine,
  SPI,
  type Story,
  type View,
} from './rig.ts';

const irqfds = (from: string, to: string): Mutation => ({ file: 'kvm/irqfds.ts', from, to });
const vm = (from: string, to: string): Mutation => ({ file: 'kvm/vm.ts', from, to });

const LEAVES_EARLY = irqfds(
  'if (!this.#injectFast(slot)) this.#defer(slot);\n    this.#readers.leave(this.#reader);\n    return true;',
  'this.#readers.leave(this.#reader);\n    if (!this.#injectFast(slot)) this.#defer(slot);\n    return true;',
);

/** To be called when a call has returned after which nothing more may be latched: takes what was, and counts it. */
function takeLatched(view: View, lpi: number): void {
  if (!view.gic.lpis.isPending(lpi)) return;
  view.gic.lpis.clear(lpi);
  store(view.words, view.free, 1);
}
const wasLatched = (view: View) => load(view.words, view.free);

describe('KVM_SET_GSI_ROUTING against an irqfd in flight', () => {
  const commands = [MAPD, mapc(0), mapti(0, LPI), mapti(1, LPI + 1)];
  const table = (eventId: number) => [msi(2, eventId)];
  /** One signal, which may come as either source. */
  const device = (view: View) => view.signal(0, () => view.signal(1, () => view.vm.irqfds.write(0)));
  const userland = (view: View) => {
    view.vm.setGsiRouting(table(1));
    takeLatched(view, LPI);
  };
  const story: Story = {
    name: 'routing-against-irqfd',
    commands,
    routes: table(0),
    hooked: [2],
    threads: { device, userland },
    finally: (view) => {
      expect(view.delivered(0), 'by the old route, after the call had returned').toBe(0);
      expect(wasLatched(view) + view.delivered(1), 'by the old route before or by the new one').toBe(1);
    },
    sources: [],
  };

  test('it goes by the old route before the call returns, or by the new one, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(4);
  });

  /** The main thread injects, by an entry that it has copied from the table. */
  const byMain: Story = {
    ...story,
    dispatch: 'main',
    before: device,
    threads: { main: (view) => void view.vm.irqfds.dispatchPending(), userland },
  };

  test('also where the main thread injects, whatever the order', () => {
    expect(passesEvery(onMachine(byMain)).schedules).toBeGreaterThan(4);
  });

  test('also with all three threads: up to one preemption, and 3,000 random schedules', () => {
    const all: Story = { ...byMain, before: () => undefined, threads: { ...byMain.threads, device } };
    passesWithin(onMachine(all), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(all), { strategy: 'pct', schedules: 3000 });
  });

  test.each([
    {
      title: 'irqfds that are not told',
      of: story,
      mutation: vm('if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();', ''),
    },
    {
      title: 'irqfds that are told before the table is in force',
      of: story,
      mutation: vm(
        'this.routing.publish(routes);\n      if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();',
        'if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();\n      this.routing.publish(routes);',
      ),
    },
    {
      title: 'a call that does not wait for the devices',
      of: story,
      mutation: vm('this.readers.synchronize();\n      // KVM', '// KVM'),
    },
    { title: 'a device that leaves its section before it injects', of: story, mutation: LEAVES_EARLY },
    {
      title: 'a call that does not wait for the main thread',
      of: { ...byMain, cached: [] },
      mutation: vm('this.irqfds.flushWork();', ''),
    },
  ])('not so with $title', ({ of, mutation }) => {
    isCaught(onMachine(of, mutation), 'assertion');
  });

  /** From event 1 to the wire 0. Half of one and half of the other is event 0, or the wire 1: the LPI or SPI of nobody. */
  const torn: Story = {
    name: 'routing-torn',
    commands,
    routes: table(1),
    hooked: [2],
    sourceOf: (intid) => (intid === LPI + 1 || intid === SPI ? 0 : 1),
    threads: {
      device: (view) => view.signal(0, () => view.vm.irqfds.write(0)),
      userland: (view) => view.vm.setGsiRouting([{ type: 'irqchip', gsi: 2 as Gsi, irqchip: 0, pin: 0 }]),
    },
  };

  test('what is injected is the one route or the other, whatever the order', () => {
    expect(passesEvery(onMachine(torn)).schedules).toBeGreaterThan(4);
  });

  test.each([
    ['if (changedSince(words, sequence, seen)) return false;\n      return', 'return'],
    ['kind !== ROUTE_IRQCHIP || changedSince(words, sequence, seen)', 'kind !== ROUTE_IRQCHIP'],
  ])('not so where the copy of the route may be in two pieces: %j', (from, to) => {
    isCaught(onMachine(torn, { file: 'kvm/injector.ts', from, to }), 'assertion');
  });
});

const device = (view: View) => view.signal(0, () => view.vm.irqfds.write(0));
const ONE_IRQFD = { commands: ONE_EVENT, routes: [msi(2, 0)], hooked: [2] } as const;

describe('KVM_IRQFD with DEASSIGN against a signal', () => {
  const userland = (view: View) => {
    view.vm.deassignIrqFd(0, 2);
    takeLatched(view, LPI);
  };
  const story: Story = {
    name: 'deassign-against-signal',
    ...ONE_IRQFD,
    threads: { device, userland },
    finally: (view) => {
      expect(view.delivered(0), 'after the call had returned').toBe(0);
      const left = Number(view.vm.irqfds.eventfd(0).tryRead());
      expect(wasLatched(view) + left, 'injected before the call returned, or left in the eventfd').toBe(1);
    },
    sources: [],
  };
  /** Not in the translation cache: the device leaves it to the main thread, which is not there. */
  const deferred: Story = { ...story, cached: [] };
  /** The main thread is at it. */
  const byMain: Story = {
    ...story,
    dispatch: 'main',
    before: device,
    threads: { main: (view) => void view.vm.irqfds.dispatchPending(), userland },
  };

  test.each([
    { title: 'the device injects', of: story },
    { title: 'the device leaves it to the main thread', of: deferred },
    { title: 'the main thread injects', of: byMain },
  ])(
    'it is injected before the call returns or stays in the eventfd, whatever the order: $title',
    ({ of }) => {
      expect(passesEvery(onMachine(of)).schedules).toBeGreaterThan(2);
    },
  );

  test('also with the device, the main thread and two that deassign: up to one preemption, and 3,000 random schedules', () => {
    const all: Story = {
      ...deferred,
      threads: {
        device,
        userland,
        main: (view) => void view.vm.irqfds.dispatchPending(),
        other: userland,
      },
    };
    passesWithin(onMachine(all), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(all), { strategy: 'pct', schedules: 3000 });
  });

  test.each([
    {
      title: 'a call that does not wait for the device',
      of: story,
      mutation: irqfds('this.#readers.synchronize();\n    this.#workLock.lock();', 'this.#workLock.lock();'),
    },
    { title: 'a device that leaves its section before it injects', of: story, mutation: LEAVES_EARLY },
    {
      title: 'a call that forgets what was left to the main thread',
      of: deferred,
      mutation: irqfds(
        'this.#runWork(slot);\n    } finally {\n      this.#workLock.unlock();\n    }\n    if (load',
        '} finally {\n      this.#workLock.unlock();\n    }\n    if (load',
      ),
    },
    {
      title: 'a main thread that serves an eventfd without the lock',
      of: byMain,
      mutation: irqfds('this.#workLock.lock();\n    try {\n      const hook', 'try {\n      const hook'),
    },
    {
      title: 'a device that writes to the eventfd and injects too',
      of: story,
      mutation: irqfds('if (this.#inline && this.raise(fd)) return;', 'if (this.#inline) this.raise(fd);'),
    },
  ])('not so with $title', ({ of, mutation }) => {
    isCaught(onMachine(of, mutation), ['assertion', 'missed-notify']);
  });
});

describe('a mask made of DEASSIGN and ASSIGN against a signal', () => {
  const userland = (view: View) => {
    view.vm.deassignIrqFd(0, 2);
    view.vm.assignIrqFd(0, 2);
  };
  const story: Story = { name: 'mask-against-signal', ...ONE_IRQFD, threads: { device, userland } };
  const twice: Story = {
    ...story,
    threads: {
      userland,
      device: (view) => {
        device(view);
        device(view);
      },
    },
  };

  test('what is signalled while it is masked is delivered afterwards, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(10);
  });

  test('also two signals, whatever the order', () => {
    expect(passesEvery(onMachine(twice)).schedules).toBeGreaterThan(20);
  });

  test('also in the dispatch of the main thread, and with a vCPU that parks: 3,000 random schedules', () => {
    const all: Story = {
      ...twice,
      dispatch: 'main',
      threads: {
        ...twice.threads,
        main: (view) => view.serveUntil(() => view.seen(0) === 2),
        vcpu: (view) => view.takeUntil(0, () => view.seen(0) === 2),
      },
    };
    passesWithin(onMachine(all), { strategy: 'pct', schedules: 3000 });
  });

  test.each([
    {
      title: 'an assignment that looks at the count before it hooks',
      mutation: irqfds(
        'store(this.#words, this.#hooks + fd, handle);\n      if (this.#eventfds[fd]?.drain()) this.#defer(slot);',
        'if (this.#eventfds[fd]?.drain()) this.#defer(slot);\n      store(this.#words, this.#hooks + fd, handle);',
      ),
    },
    {
      title: 'an assignment that does not look at the count',
      mutation: irqfds('if (this.#eventfds[fd]?.drain()) this.#defer(slot);', ''),
    },
    {
      title: 'a device that does not look for the hook again',
      mutation: irqfds(
        'this.#eventfds[fd]?.tryWrite(1);\n    this.ring(fd);',
        'this.#eventfds[fd]?.tryWrite(1);',
      ),
    },
    {
      title: 'a device that looks for the hook again before it writes',
      mutation: irqfds(
        'this.#eventfds[fd]?.tryWrite(1);\n    this.ring(fd);',
        'this.ring(fd);\n    this.#eventfds[fd]?.tryWrite(1);',
      ),
    },
    {
      title: 'a deassignment that forgets what was left to the main thread',
      mutation: irqfds(
        'this.#runWork(slot);\n    } finally {\n      this.#workLock.unlock();\n    }\n    if (load',
        'this.#work.claim(slot);\n    } finally {\n      this.#workLock.unlock();\n    }\n    if (load',
      ),
      cached: [],
    },
  ])('not so with $title', ({ mutation, cached }) => {
    isCaught(onMachine(cached ? { ...story, cached } : story, mutation), 'assertion');
  });
});

describe('a level-triggered irqfd that resamples', () => {
  const resampling: Pick<Story, 'levels' | 'before'> = {
    levels: true,
    before: ({ vm }) => vm.assignIrqFd(0, 0, { resamplefd: 1 }),
  };
  /** Raises its line, waits until it is asked to look again, raises it again. */
  const story: Story = {
    name: 'resample-and-raise',
    ...resampling,
    threads: {
      device: (view) => {
        for (let n = 0; n < 2; n++) {
          device(view);
          view.vm.irqfds.eventfd(1).read();
        }
      },
      vcpu: (view) => void view.run(0, () => view.seen(0) === 2),
    },
  };

  test('is told of each end, and what it raises then is delivered, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(1000);
  });

  test.each([
    {
      title: 'a line that is lowered after the device was told',
      file: 'kvm/resamplers.ts',
      from: 'lower(gsi);\n        let slot = load(this.#words, this.#heads + gsi);\n        for (; slot !== 0; slot = load(this.#words, this.#links + slot)) tell(slot);',
      to: 'let slot = load(this.#words, this.#heads + gsi);\n        for (; slot !== 0; slot = load(this.#words, this.#links + slot)) tell(slot);\n        lower(gsi);',
    },
  ])('not so with $title', (mutation) => {
    isCaught(onMachine(story, mutation), ['deadlock', 'orphan-wait', 'lost-wakeup']);
  });

  test('not so with an end that nobody notes: the line stays up, and the vCPU is never done', () => {
    const mutation: Mutation = { file: 'gic/interrupts.ts', from: 'this.acks.note(intid);', to: '' };
    isCaught(onMachine(story, mutation), ['livelock', 'step-limit'], { steps: 400 });
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
        userland: (view) => view.vm.setGsiRouting([{ type: 'irqchip', gsi: 0 as Gsi, irqchip: 0, pin: 0 }]),
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
      // Once or twice: nobody ends a level as long as nobody serves its device.
      vcpu: (view) => void view.drain(0, 2),
    },
    finally: (view) => {
      const state = view.interrupts.state(view.interrupts.find(0, SPI));
      expect(state & LINE, 'its line, which nobody would ever lower again').toBe(0);
    },
    sources: [],
  };

  test('leaves no line up when it is deassigned: up to one preemption, and 3,000 random schedules', () => {
    passesWithin(onMachine(removed), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(removed), { strategy: 'pct', schedules: 3000 });
  });

  test('not so where a deassignment lowers nothing', () => {
    const mutation = irqfds(
      'this.#injector.inject(gsi, at + ROUTE, false);\n    }\n    this.#fds',
      '{}\n    }\n    this.#fds',
    );
    isCaught(onMachine(removed, mutation), 'assertion');
  });
});

describe('an irqfd that names its event itself, given another', () => {
  const options = { deviceId: DEVICE_ID };
  const story: Story = {
    name: 'direct-against-signal',
    design: 'direct',
    commands: [MAPD, mapc(0), mapti(0, LPI), mapti(1, LPI + 1)],
    before: ({ vm }) => vm.assignIrqFd(0, 0, options),
    threads: {
      device: (view) => view.signal(0, () => view.signal(1, () => view.vm.irqfds.write(0))),
      userland: (view) => {
        view.vm.deassignIrqFd(0, 0);
        takeLatched(view, LPI);
        view.vm.assignIrqFd(0, 1, options);
      },
    },
    finally: (view) => {
      expect(view.delivered(0), 'as the old event, after it was taken away').toBe(0);
      expect(wasLatched(view) + view.delivered(1), 'as the old event before or as the new one').toBe(1);
    },
    sources: [],
  };

  test('what is signalled is the old event before it is taken away, or the new one, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(10);
  });

  test.each([
    {
      title: 'a deassignment that does not wait for the device',
      mutation: irqfds('this.#readers.synchronize();\n    this.#workLock.lock();', 'this.#workLock.lock();'),
    },
    { title: 'a device that leaves its section before it injects', mutation: LEAVES_EARLY },
  ])('not so with $title', ({ mutation }) => {
    isCaught(onMachine(story, mutation), 'assertion');
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
    const file = 'kvm/fds.ts';
    const from =
      'if (!replace(this.#words, at, state, state | FD_OPENING)) continue;\n      store(this.#words, this.#word(fd, PAYLOAD), payload);';
    const to =
      'store(this.#words, this.#word(fd, PAYLOAD), payload);\n      if (!replace(this.#words, at, state, state | FD_OPENING)) continue;';
    const { module } = loadMutated<{ module: typeof fds }>({ module: file }, { file, from, to });
    isCaught(scenario(module), 'assertion');
  });
});
