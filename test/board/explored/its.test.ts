/** The guest's commands to its ITS against injection, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../../src/arch/its-command.ts';
import { load, store } from '../../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../../exploring.ts';
import {
  DEVICE_ID,
  DOORBELL,
  LPI,
  MAPD,
  mapc,
  mapti,
  msi,
  ONE_EVENT,
  onMachine,
  type Story,
  type View,
} from './rig.ts';

const event = (name: 'DISCARD' | 'INV' | 'INT' | 'CLEAR', eventId = 0): ItsCommand => ({
  name,
  deviceId: DEVICE_ID,
  eventId,
});
const MOVI = { name: 'MOVI', deviceId: DEVICE_ID, eventId: 0, collectionId: 1 } as const satisfies ItsCommand;

const BY_IRQFD = { routes: [msi(2, 0)], hooked: [2] } as const;
const device = (view: View) => view.signal(0, () => view.vm.irqfds.write(0));
/** What a guest writes when its commands are laid: all of `count` that the story has queued, after `before`. */
const guest = (before: number, count: number) => (view: View) => view.runCommands(before + count);

describe('MOVI against injection', () => {
  const commands = [MAPD, mapc(0), mapc(1), mapti(0, LPI)];
  const drain = (vcpu: number) => (view: View) => void view.drain(vcpu);
  const story: Story = {
    name: 'movi-against-injection',
    vcpus: 2,
    ...BY_IRQFD,
    commands,
    queued: [MOVI],
    threads: { device, guest: guest(commands.length, 1), vcpu0: drain(0) },
    finally: (view) => {
      // From here on it goes to vCPU 1, and to that alone.
      view.signal(0, () => view.vm.irqfds.write(0));
      expect(view.settle()).toEqual([[], [LPI]]);
    },
  };

  test('what is signalled is taken once, by the old vCPU or the new one, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(20);
  });

  test('also with both vCPUs looking: up to one preemption, and 3,000 random schedules', () => {
    const both = { ...story, threads: { ...story.threads, vcpu1: drain(1) } };
    passesWithin(onMachine(both), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(both), { strategy: 'pct', schedules: 3000 });
  });

  test('a vCPU that parks, and that it is moved to, is woken: up to one preemption, and 3,000 random schedules', () => {
    const parked: Story = {
      ...story,
      threads: {
        device,
        // As a guest must: what was on its way to vCPU 0 is passed on when that looks.
        guest: (view) => {
          view.runCommands(commands.length + 1);
          view.drain(0);
        },
        vcpu1: (view) => view.takeUntil(1, () => view.seen(0) === 1),
        main: (view) => view.serveUntil(() => view.seen(0) === 1),
      },
    };
    passesWithin(onMachine(parked), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(parked), { strategy: 'pct', schedules: 3000 });
  });

  /** vCPU 1 has taken what was moved to it: what vCPU 0 takes from here on was signalled after the move. */
  const taken: Story = {
    ...story,
    threads: {
      device,
      guest: (view) => {
        view.runCommands(commands.length + 1);
        if (view.drain(1).length === 0) return;
        store(view.words, view.free, 1);
        view.signal(0, () => view.gic.lpis.latch(LPI));
      },
      vcpu0: (view) => {
        if (view.drain(0).length > 0) expect(load(view.words, view.free), 'signals after the move').toBe(0);
      },
    },
    finally: () => undefined,
  };

  /** The old vCPU takes it for the second time in a row, so that it stays on that vCPU's list. */
  const again: Story = {
    ...story,
    name: 'movi-of-what-is-listed',
    before: (view) => {
      view.signal(0, () => view.gic.lpis.latch(LPI));
      view.drain(0, 1);
    },
    threads: {
      device,
      guest: guest(commands.length, 1),
      vcpu0: (view) => {
        view.signal(0, () => view.gic.lpis.latch(LPI));
        view.drain(0, 1);
        view.drain(0, 1);
      },
    },
  };

  // Three threads have 80,000 schedules within two preemptions; two have few enough to run them all.
  test('nor is it lost where the old vCPU has it on its list still, whatever the order of the move and the vCPU', () => {
    const { guest: move = device, vcpu0 = device } = again.threads;
    expect(passesEvery(onMachine({ ...again, threads: { guest: move, vcpu0 } })).schedules).toBeGreaterThan(
      20,
    );
  });

  test('nor where a device signals it at the same time: up to one preemption, and 3,000 random schedules', () => {
    passesWithin(onMachine(again), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(again), { strategy: 'pct', schedules: 3000 });
  });

  test('not so where it is taken again in two steps', () => {
    isCaught(onMachine(again, 'second-take-is-one-step: in two steps'), 'assertion');
  });

  test('nothing that is signalled after it is taken by the old vCPU', () => {
    expect(passesEvery(onMachine(taken)).schedules).toBeGreaterThan(20);
  });

  test('not so with a vCPU that takes what it has found, wherever that goes by now', () => {
    isCaught(onMachine(taken, 'take-looks-at-target: any target'), 'assertion');
  });

  test.each([
    {
      title: 'a change of state in two steps',
      mistake: 'change-is-one-step: in two steps',
    },
    {
      title: 'an acknowledge in two steps',
      mistake: 'take-is-one-step: in two steps',
    },
    {
      title: 'a move that says nothing to the interrupt controller',
      mistake: 'movi-takes-pending-along: left behind',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(story, mistake), 'assertion');
  });
});

describe('DISCARD and a new mapping against injection through the translation cache', () => {
  /**
   * The guest's commands: DISCARD, then others. As in KVM an LPI that is on a vCPU's list when its event is discarded is delivered
   * once more, and stays pending where another event is mapped to it meanwhile. Once DISCARD has completed, no signal of the old
   * event may reach it: what is delivered later was pending then, which the guest notes.
   */
  const discarding = (others: number) => (view: View) => {
    view.runCommands(ONE_EVENT.length + 1);
    store(view.words, view.free, view.gic.lpis.isPending(LPI) ? 1 : 0);
    view.runCommands(ONE_EVENT.length + 1 + others);
  };
  const expectNoneAfterwards = (view: View) => {
    expect(view.delivered(0), 'deliveries').toBeLessThanOrEqual(load(view.words, view.free));
    expect(view.gic.lpis.isPending(LPI), 'a signal that came too late').toBe(false);
  };

  const story: Story = {
    name: 'discard-against-injection',
    ...BY_IRQFD,
    commands: ONE_EVENT,
    queued: [event('DISCARD'), mapti(1, LPI + 1)],
    threads: {
      device,
      guest: (view) => {
        discarding(1)(view);
        // The new event, which has the record of the old one, is used at once.
        expect(view.its.translate(DEVICE_ID, 1)).toBe(LPI + 1);
      },
    },
    finally: (view) => {
      expectNoneAfterwards(view);
      expect(view.delivered(1), 'as the new event').toBe(0);
    },
    // What was latched when its event was discarded, and on no list yet, is gone with it.
    sources: [1],
  };

  test('a signal of the old event is never one of the new, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(4);
  });

  /** The LPI itself is given to another event. */
  const reused: Story = {
    ...story,
    name: 'discard-and-reuse',
    queued: [event('DISCARD'), mapti(1, LPI)],
    threads: { device, guest: discarding(1) },
    finally: expectNoneAfterwards,
  };

  test('nor is the LPI pending that the new event took over, whatever the order', () => {
    expect(passesEvery(onMachine(reused)).schedules).toBeGreaterThan(4);
  });

  test('whatever the order, also while the vCPU takes what it finds', () => {
    const taking: Story = {
      ...reused,
      threads: { ...reused.threads, vcpu: (view) => void view.drain(0) },
      finally: (view) => expect(view.delivered(0)).toBeLessThanOrEqual(1),
    };
    expect(passesEvery(onMachine(taking)).schedules).toBeGreaterThan(20);
  });

  /** By the route and the ITS's index: the irqfd remembers nothing, as after a change of something else. */
  const byRoute: Story = {
    ...story,
    name: 'discard-against-lookup',
    before: (view) => {
      view.its.invalidate();
      expect(view.its.translate(DEVICE_ID, 0)).toBe(LPI);
    },
  };

  test('the same by the route and the index, whatever the order', () => {
    expect(passesEvery(onMachine(byRoute)).schedules).toBeGreaterThan(4);
  });

  /** The irqfd comes to remember the LPI while its event goes away: it must not do so for later. */
  const remembering: Story = {
    ...story,
    name: 'discard-against-remembering',
    queued: [event('DISCARD'), mapti(0, LPI + 1)],
    cached: [],
    // One signal, which may come as either.
    before: (view) => view.signal(0, () => view.signal(1, () => view.vm.irqfds.write(0))),
    threads: {
      main: (view) => void view.vm.irqfds.dispatchPending(),
      guest: (view) => {
        view.runCommands(ONE_EVENT.length + 2);
        store(view.words, view.free, 1);
      },
    },
    finally: (view) => {
      for (const lpi of [LPI, LPI + 1]) view.gic.lpis.clear(lpi);
      view.vm.irqfds.write(0);
      view.vm.irqfds.dispatchPending();
      expect(view.gic.lpis.isPending(LPI), 'the LPI of the old event').toBe(false);
      expect(view.gic.lpis.isPending(LPI + 1), 'the LPI of the new event').toBe(true);
      view.gic.lpis.clear(LPI + 1);
    },
    sources: [],
  };

  test('an LPI is not remembered past its event, whatever the order', () => {
    expect(passesEvery(onMachine(remembering)).schedules).toBeGreaterThan(4);
  });

  const MSI = { address: DOORBELL, data: 0, flags: 1, deviceId: DEVICE_ID };
  const signal = (view: View) => view.signal(0, () => view.signal(1, () => view.vm.signalMsi(MSI)));

  /**
   * A device that has sent its MSI before, and knows the LPI: it must not go by that for longer than the ITS does. The first one has
   * been taken when the second comes, which would hide behind it.
   */
  const hinted: Story = {
    name: 'discard-against-hint',
    commands: ONE_EVENT,
    queued: [event('DISCARD')],
    threads: {
      device: (view) => {
        signal(view);
        view.drain(0, 1);
        signal(view);
      },
      guest: guest(ONE_EVENT.length, 1),
    },
    finally: (view) => expect(view.gic.lpis.isPending(LPI), 'the LPI of the old event').toBe(false),
    sources: [],
  };

  test('a device that sends its MSI again goes by what holds now, whatever the order', () => {
    expect(passesEvery(onMachine(hinted)).schedules).toBeGreaterThan(4);
  });

  /** The event is mapped to another LPI at once: what the device begins to send after that goes there. */
  const remapped: Story = {
    ...hinted,
    name: 'discard-and-map-against-hint',
    queued: [event('DISCARD'), mapti(0, LPI + 1)],
    threads: {
      device: (view) => {
        signal(view);
        signal(view);
      },
      guest: (view) => {
        view.runCommands(ONE_EVENT.length + 2);
        store(view.words, view.free, view.sent(0));
      },
    },
    finally: (view) => {
      expect(view.gic.lpis.isPending(LPI), 'the LPI of the old event').toBe(false);
      const after = load(view.words, view.free) < view.sent(0);
      expect(view.delivered(1), 'deliveries as the new LPI').toBeGreaterThanOrEqual(after ? 1 : 0);
    },
  };

  test('also where the event is mapped to another LPI, whatever the order', () => {
    expect(passesEvery(onMachine(remapped)).schedules).toBeGreaterThan(4);
  });

  test('not so with hints that hold for good, where it is mapped to another LPI', () => {
    isCaught(onMachine(remapped, 'hint-holds-for-epoch: for good'), 'assertion');
  });

  test.each([
    { title: 'hints that hold for good', mistake: 'hint-holds-for-epoch: for good' },
    {
      title: 'a hint under the epoch of afterwards',
      mistake: 'hint-epoch-before-lookup: of afterwards',
    },
    {
      title: 'a device that leaves its section before it latches',
      mistake: 'section-spans-latch: ends first',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(onMachine(hinted, mistake), 'assertion');
  });

  test.each([
    {
      title: 'a removal without a grace period',
      mistake: 'unmapping-waits-for-injectors: no wait',
      of: byRoute,
    },
    {
      title: 'a removal without a grace period, of the LPI',
      mistake: 'unmapping-waits-for-injectors: no wait',
      of: reused,
    },
    {
      title: 'a device that leaves its section before it latches',
      mistake: 'section-ends-after-injection: ends first',
      of: reused,
    },
    {
      title: 'an irqfd that goes by what it remembers for good',
      mistake: 'remembered-holds-for-epoch: for good',
      of: remembering,
    },
    {
      title: 'an irqfd that remembers under the epoch of afterwards',
      mistake: 'remembered-epoch-before-lookup: of afterwards',
      of: remembering,
    },
  ] as const)('not so with $title', ({ mistake, of }) => {
    isCaught(onMachine(of, mistake), 'assertion');
  });
});

describe('MOVALL against injection', () => {
  const commands = [MAPD, mapc(0), mapc(1), mapti(0, LPI)];

  test('what is signalled is taken once, by one vCPU or the other, whatever the order', () => {
    const moved: Story = {
      name: 'movall-against-injection',
      vcpus: 2,
      ...BY_IRQFD,
      commands,
      queued: [{ name: 'MOVALL', rdbase: 0, rdbase2: 1 }],
      threads: {
        device,
        guest: guest(commands.length, 1),
        vcpu0: (view) => void view.drain(0),
      },
    };
    expect(passesEvery(onMachine(moved)).schedules).toBeGreaterThan(20);
  });

  test('also moved there and back, with two signals and both vCPUs: up to one preemption, and 3,000 random schedules', () => {
    const story: Story = {
      name: 'there-and-back',
      vcpus: 2,
      ...BY_IRQFD,
      commands,
      queued: [MOVI, { ...MOVI, collectionId: 0 }],
      threads: {
        device: (view) => {
          device(view);
          device(view);
        },
        guest: guest(commands.length, 2),
        vcpu0: (view) => void view.drain(0),
        vcpu1: (view) => void view.drain(1),
      },
    };
    passesWithin(onMachine(story), { strategy: 'dfs', preemptions: 1 });
    passesWithin(onMachine(story), { strategy: 'pct', schedules: 3000 });
  });
});
