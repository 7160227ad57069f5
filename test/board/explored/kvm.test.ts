/** KVM's calls against signals, under every interleaving: the routing table, irqfds that come and go, masks made of them. */
import { describe, expect, test } from 'vitest';
import { load, store } from '../../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../../exploring.ts';
import type { Mutation } from '../../mutate.ts';
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
const vm = (from: string, to: string): Mutation => ({ file: 'kvm/generic-vm.ts', from, to });

const LEAVES_EARLY = irqfds(
  'const raised = this.#irqchip.latchRemembered(this.#hooks.memoryOf(fd)) || this.#raiseByRoute(fd);\n    this.#readers.leave(this.#reader);',
  'this.#readers.leave(this.#reader);\n    const raised = this.#irqchip.latchRemembered(this.#hooks.memoryOf(fd)) || this.#raiseByRoute(fd);',
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

  /**
   * The irqfd comes to remember the LPI of the old route while the table is replaced: it must not do so for later. The device has left
   * its signal to the main thread, which is about to do the work.
   */
  const remembering: Story = {
    ...byMain,
    name: 'routing-against-remembering',
    dispatch: 'inline',
    cached: [],
    threads: { ...byMain.threads, userland: (view) => view.vm.setGsiRouting(table(1)) },
    finally: (view) => {
      for (const lpi of [LPI, LPI + 1]) view.gic.lpis.clear(lpi);
      view.vm.irqfds.write(0);
      view.vm.irqfds.dispatchPending();
      expect([view.gic.lpis.isPending(LPI), view.gic.lpis.isPending(LPI + 1)]).toEqual([false, true]);
      view.gic.lpis.clear(LPI + 1);
    },
  };

  test('an LPI is not remembered past its route, whatever the order', () => {
    expect(passesEvery(onMachine(remembering)).schedules).toBeGreaterThan(4);
  });

  test('also where the main thread finds the signal in the eventfd: up to two preemptions, and 3,000 random schedules', () => {
    const found: Story = { ...remembering, dispatch: 'main' };
    passesWithin(onMachine(found), { strategy: 'dfs', preemptions: 2 });
    passesWithin(onMachine(found), { strategy: 'pct', schedules: 3000 });
  });

  test.each([
    {
      title: 'an irqfd that remembers without the lock',
      mutation: irqfds(
        'this.#lock.lock();\n    this.#remember(slot);\n    this.#lock.unlock();',
        'this.#remember(slot);',
      ),
    },
    {
      title: 'a new route that does not forget',
      mutation: irqfds('this.#injector.forget(this.#hooks.memoryOf(load(this.#words, at + EVENTFD)));', ''),
    },
  ])('not so with $title', ({ mutation }) => {
    isCaught(onMachine(remembering, mutation), 'assertion');
  });

  /** From event 1 to the wire 0. Half of one and half of the other is event 0, or the wire 1: an LPI or SPI of no source. */
  const torn: Story = {
    name: 'routing-torn',
    commands,
    routes: table(1),
    hooked: [2],
    sourceOf: (intid) => (intid === LPI + 1 || intid === SPI ? 0 : 1),
    threads: {
      device: (view) => view.signal(0, () => view.vm.irqfds.write(0)),
      userland: (view) => view.vm.setGsiRouting([{ type: 'irqchip', gsi: 2, irqchip: 0, pin: 0 }]),
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
      device(view);
      expect(view.gic.lpis.isPending(LPI), 'injected by what was remembered of an irqfd that has gone').toBe(
        false,
      );
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
      mutation: irqfds('this.#readers.synchronize();\n    this.#runWork(slot);', 'this.#runWork(slot);'),
    },
    { title: 'a device that leaves its section before it injects', of: story, mutation: LEAVES_EARLY },
    {
      title: 'a call that forgets what was left to the main thread',
      of: deferred,
      mutation: irqfds('this.#runWork(slot);\n    if (load', 'if (load'),
    },
    {
      title: 'a main thread that serves an eventfd without the lock',
      of: byMain,
      mutation: irqfds('this.#workLock.lock();\n    try {\n      const hook', 'try {\n      const hook'),
    },
    {
      title: 'an irqfd that goes and leaves its LPI behind',
      of: story,
      mutation: irqfds('this.#injector.forget(this.#hooks.memoryOf(fd));', ''),
    },
    {
      title: 'an LPI that is remembered for an irqfd that has gone',
      of: deferred,
      mutation: irqfds('if (hook !== NO_HANDLE && slotOf(hook) === slot)', ''),
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
        'this.#hooks.set(fd, handle);\n      if (this.#eventfds[fd]?.drain()) this.#defer(slot);',
        'if (this.#eventfds[fd]?.drain()) this.#defer(slot);\n      this.#hooks.set(fd, handle);',
      ),
    },
    {
      title: 'an assignment that does not look at the count',
      mutation: irqfds('if (this.#eventfds[fd]?.drain()) this.#defer(slot);', ''),
    },
    {
      title: 'a device that does not look for the hook again',
      mutation: irqfds(
        'this.#existing(fd).tryWrite(1);\n    this.ring(fd);',
        'this.#existing(fd).tryWrite(1);',
      ),
    },
    {
      title: 'a device that looks for the hook again before it writes',
      mutation: irqfds(
        'this.#existing(fd).tryWrite(1);\n    this.ring(fd);',
        'this.ring(fd);\n    this.#existing(fd).tryWrite(1);',
      ),
    },
    {
      title: 'a deassignment that forgets what was left to the main thread',
      mutation: irqfds('this.#runWork(slot);\n    if (load', 'this.#work.claim(slot);\n    if (load'),
      cached: [],
    },
  ])('not so with $title', ({ mutation, cached }) => {
    isCaught(onMachine(cached ? { ...story, cached } : story, mutation), 'assertion');
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
      mutation: irqfds('this.#readers.synchronize();\n    this.#runWork(slot);', 'this.#runWork(slot);'),
    },
    { title: 'a device that leaves its section before it injects', mutation: LEAVES_EARLY },
  ])('not so with $title', ({ mutation }) => {
    isCaught(onMachine(story, mutation), 'assertion');
  });
});
