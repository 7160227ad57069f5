/** KVM's calls against signals, under every interleaving: the routing table, irqfds that come and go, masks made of them. */
import { describe, expect, test } from 'vitest';
import { load, store } from '../../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../../exploring.ts';
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
      mistake: 'table-refreshes-irqfds: not told',
    },
    {
      title: 'irqfds that are told before the table is in force',
      of: story,
      mistake: 'table-refreshes-irqfds: told first',
    },
    {
      title: 'a call that does not wait for the devices',
      of: story,
      mistake: 'table-waits-for-readers: no wait',
    },
    {
      title: 'a device that leaves its section before it injects',
      of: story,
      mistake: 'section-ends-after-injection: ends first',
    },
    {
      title: 'a call that does not wait for the main thread',
      of: { ...byMain, cached: [] },
      mistake: 'table-waits-for-work: no wait',
    },
  ] as const)('not so with $title', ({ of, mistake }) => {
    isCaught(onMachine(of, mistake), 'assertion');
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
      mistake: 'remembers-under-lock: without the lock',
    },
    {
      title: 'a new route that does not forget',
      mistake: 'route-change-forgets-lpi: remembered',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(remembering, mistake), 'assertion');
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

  test.each(['torn-message-is-refused: taken', 'torn-pin-is-refused: taken'] as const)(
    'not so where the copy of the route may be in two pieces: %s',
    (mistake) => {
      isCaught(onMachine(torn, mistake), 'assertion');
    },
  );
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
  /** The main thread is at it, and needs locks: so it injects outside of its section. */
  const slowlyByMain: Story = { ...byMain, cached: [] };

  test.each([
    { title: 'the device injects', of: story },
    { title: 'the device leaves it to the main thread', of: deferred },
    { title: 'the main thread injects', of: byMain },
    { title: 'the main thread injects, and takes locks for that', of: slowlyByMain },
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
      mistake: 'deassignment-waits-for-writers: no wait',
    },
    {
      title: 'a device that leaves its section before it injects',
      of: story,
      mistake: 'section-ends-after-injection: ends first',
    },
    {
      title: 'a call that forgets what was left to the main thread',
      of: deferred,
      mistake: 'deassignment-runs-work: left undone',
    },
    {
      title: 'a main thread that serves an eventfd without the lock',
      of: slowlyByMain,
      mistake: 'serving-excludes-work: without the lock',
    },
    {
      title: 'an irqfd that goes and leaves its LPI behind',
      of: story,
      mistake: 'gone-irqfd-is-forgotten: remembered',
    },
    {
      title: 'an LPI that is remembered for an irqfd that has gone',
      of: deferred,
      mistake: 'only-hooked-remembers: every one',
    },
    {
      title: 'a device that writes to the eventfd and injects too',
      of: story,
      mistake: 'raised-is-not-written: written too',
    },
  ] as const)('not so with $title', ({ of, mistake }) => {
    isCaught(onMachine(of, mistake), ['assertion', 'missed-notify']);
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
      mistake: 'assignment-drains: drains first',
    },
    {
      title: 'an assignment that does not look at the count',
      mistake: 'assignment-drains: no drain',
    },
    {
      title: 'a device that does not look for the hook again',
      mistake: 'writer-looks-for-hook-again: no look',
    },
    {
      title: 'a device that looks for the hook again before it writes',
      mistake: 'writer-looks-for-hook-again: looks first',
    },
    {
      title: 'a deassignment that forgets what was left to the main thread',
      mistake: 'deassignment-runs-work: forgotten',
      cached: [],
    },
  ] as const)('not so with $title', ({ mistake, ...changed }) => {
    isCaught(onMachine({ ...story, ...changed }, mistake), 'assertion');
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
      mistake: 'deassignment-waits-for-writers: no wait',
    },
    {
      title: 'a device that leaves its section before it injects',
      mistake: 'section-ends-after-injection: ends first',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(story, mistake), 'assertion');
  });
});
