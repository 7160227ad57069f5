/** What a guest turns off and on, and what it unmaps, against injection, under every interleaving. */

import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../../src/arch/its-command.ts';
import { gicr, gits } from '../../../src/arch/registers.ts';
import { MISS } from '../../../src/its/events.ts';
import { load, store } from '../../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../../exploring.ts';
import { DEVICE_ID, LPI, MAPD, mapti, msi, ONE_EVENT, onMachine, type Story, type View } from './rig.ts';

const INV: ItsCommand = { name: 'INV', deviceId: DEVICE_ID, eventId: 0 };
const BY_IRQFD = { routes: [msi(2, 0)], hooked: [2] } as const;
const [GICD_ISENABLER1, GICD_ICENABLER1] = [0x104, 0x184];
const device = (view: View) => view.signal(0, () => view.vm.irqfds.write(0));

describe('LPIs that are disabled against a translation that is cached', () => {
  const story: Story = {
    name: 'disable-against-cache',
    commands: ONE_EVENT,
    cached: [],
    threads: {
      device: (view) => view.signal(0, () => view.its.signal(DEVICE_ID, 0)),
      guest: (view) => view.gic.redistributor(0).write(gicr.CTLR, 4, 0n),
    },
    finally: (view) => {
      expect(view.its.lookup(DEVICE_ID, 0), 'cached, and the LPIs are disabled').toBe(MISS);
      view.gic.redistributor(0).write(gicr.CTLR, 4, 1n);
    },
    sources: [],
  };

  test('none is used afterwards, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(4);
  });

  test('not so where the epoch is read when the checks are made', () => {
    isCaught(onMachine(story, 'stamp-from-before-checks: of afterwards'), 'assertion');
  });

  test('not so where the change does not empty the cache', () => {
    isCaught(onMachine(story, 'disabled-lpis-leave-cache: stay there'), 'assertion');
  });
});

describe('INV against injection', () => {
  const enable: Story = {
    name: 'enable-against-injection',
    ...BY_IRQFD,
    commands: ONE_EVENT,
    queued: [INV, INV],
    before: (view) => {
      view.configure(LPI, false);
      view.runCommands(ONE_EVENT.length + 1);
    },
    threads: {
      device,
      guest: (view) => {
        view.configure(LPI, true);
        view.runCommands(ONE_EVENT.length + 2);
      },
      vcpu: (view) => void view.run(0, () => view.seen(0) === 1),
    },
  };

  test('what is signalled while it is disabled is delivered when it is enabled, whatever the order', () => {
    expect(passesEvery(onMachine(enable)).schedules).toBeGreaterThan(20);
  });

  /** Disabled and enabled again, while it is latched and the vCPU looks. */
  const blink: Story = {
    ...enable,
    name: 'blink-against-injection',
    before: () => undefined,
    threads: {
      device,
      guest: (view) => {
        view.configure(LPI, false);
        view.runCommands(ONE_EVENT.length + 1);
        view.configure(LPI, true);
        view.runCommands(ONE_EVENT.length + 2);
      },
      vcpu: (view) => void view.drain(0),
    },
  };

  test('what is disabled for a moment is not lost, whatever the order', () => {
    expect(passesEvery(onMachine(blink)).schedules).toBeGreaterThan(20);
  });

  /** The same in few steps: latched and listed before, and configured without the queue. */
  const wink: Story = {
    ...blink,
    name: 'wink-against-acknowledge',
    before: device,
    threads: {
      guest: ({ gic }) => {
        gic.lpis.configure(LPI, 0xa0);
        gic.lpis.configure(LPI, 0xa1);
      },
      vcpu: (view) => void view.drain(0),
    },
  };

  test('nor is it where the vCPU is about to take it, whatever the order', () => {
    expect(passesEvery(onMachine(wink)).schedules).toBeGreaterThan(20);
  });

  /** An SPI leaves the list when it is taken: what it becomes meanwhile must be seen after that. */
  const winkOfSpi: Story = {
    name: 'wink-of-an-spi',
    hooked: [0],
    before: device,
    threads: {
      guest: ({ gic }) => {
        gic.distributor.write(GICD_ICENABLER1, 4, 1n);
        gic.distributor.write(GICD_ISENABLER1, 4, 1n);
      },
      vcpu: (view) => void view.drain(0),
    },
  };

  test('nor is an SPI, whatever the order', () => {
    expect(passesEvery(onMachine(winkOfSpi)).schedules).toBeGreaterThan(20);
  });

  /** What the vCPU took last is on its list still. */
  const winkAgain: Story = {
    ...wink,
    name: 'wink-of-what-is-listed',
    before: () => undefined,
    threads: {
      guest: wink.threads.guest ?? device,
      device,
      vcpu: (view) => {
        const cpu = view.makeCpu(0);
        // Taken twice in a row, it stays on the list.
        for (let turn = 0; turn < 2; turn++) {
          view.signal(0, () => view.gic.lpis.latch(LPI));
          view.drain(0, 1, cpu);
        }
        view.drain(0, 1, cpu);
      },
    },
  };

  test('nor is one that comes again, up to two preemptions', () => {
    passesWithin(onMachine(winkAgain), { strategy: 'dfs', preemptions: 2 });
  });

  /** It comes again while the vCPU takes it. */
  const fresh: Story = {
    ...wink,
    name: 'comes-again-while-it-is-taken',
    threads: { device, vcpu: (view) => void view.drain(0, 1) },
  };

  test('nor is one that comes again while it is taken, whatever the order', () => {
    expect(passesEvery(onMachine(fresh)).schedules).toBe(4);
  });

  test.each([
    {
      title: 'a change of state that lists nothing',
      of: enable,
      mistake: 'change-lists-deliverable: not listed',
    },
    {
      title: 'a change of state in two steps',
      of: enable,
      mistake: 'change-is-one-step: in two steps',
    },
    {
      title: 'a latch in two steps',
      of: enable,
      mistake: 'latch-is-one-step: in two steps',
    },
    {
      title: 'an acknowledge that leaves the list behind its swap',
      of: fresh,
      mistake: 'taken-lpi-leaves-list-first: leaves behind the swap',
    },
    {
      title: 'a search that does not look at the state again',
      of: wink,
      mistake: 'unlisted-is-passed-on: dropped',
    },
  ] as const)('not so with $title', ({ of, mistake }) => {
    isCaught(onMachine(of, mistake), ['assertion', 'orphan-wait', 'lost-wakeup']);
  });
});

describe('an unmapping against injection', () => {
  const unmapping = (queued: readonly ItsCommand[], after: (view: View) => void): Story => ({
    name: `unmapping-${queued[0]?.name}`,
    ...BY_IRQFD,
    commands: ONE_EVENT,
    queued,
    threads: {
      device,
      guest: (view) => {
        view.runCommands(ONE_EVENT.length + queued.length);
        after(view);
      },
    },
    sources: [],
  });
  // As in KVM, an LPI that is on a vCPU's list when its event is unmapped is delivered once more, and stays pending when
  // another event is mapped to it meanwhile; after that, no signal of the old event may reach it.
  const mapd: Story = {
    ...unmapping([{ ...MAPD, valid: false }, MAPD, mapti(1, LPI)], (view) =>
      store(view.words, view.free, view.gic.lpis.isPending(LPI) ? 1 : 0),
    ),
    finally: (view) =>
      expect(view.delivered(0), 'deliveries').toBeLessThanOrEqual(load(view.words, view.free)),
  };

  test('of a device: no signal of its events reaches their LPIs afterwards, whatever the order', () => {
    expect(passesEvery(onMachine(mapd)).schedules).toBeGreaterThan(4);
  });

  test('not so without a grace period', () => {
    isCaught(onMachine(mapd, 'removal-waits-for-injectors: no wait'), 'assertion');
  });

  test('of a collection: what is cached is not used afterwards, whatever the order', () => {
    const mapcOff: ItsCommand = { name: 'MAPC', collectionId: 0, rdbase: 0, valid: false };
    const story = unmapping([mapcOff], (view) => expect(view.its.lookup(DEVICE_ID, 0)).toBe(MISS));
    passesEvery(onMachine({ ...story, finally: () => undefined }));
    isCaught(onMachine(story, 'unmapped-collection-leaves-cache: not emptied'), 'assertion');
  });
});

describe('an ITS that is turned off against injection', () => {
  const story = (cached: readonly number[]): Story => ({
    name: 'its-off',
    ...BY_IRQFD,
    commands: ONE_EVENT,
    cached,
    threads: {
      device,
      main: (view) => void view.vm.irqfds.dispatchPending(),
      guest: (view) => {
        view.its.write(gits.CTLR, 4, 0n);
        if (view.gic.lpis.isPending(LPI)) view.gic.lpis.clear(LPI);
      },
    },
    finally: (view) => expect(view.delivered(0), 'latched after it was off').toBe(0),
    sources: [],
  });

  test.each([{ cached: [0] }, { cached: [] }])(
    'nothing is latched when the write has returned: %o',
    ({ cached }) => {
      expect(passesEvery(onMachine(story(cached))).schedules).toBeGreaterThan(4);
    },
  );

  test('not so where it waits for the signals in the cache only', () => {
    isCaught(onMachine(story([]), 'its-off-waits-for-lock: no wait'), 'assertion');
  });

  test('not so where it waits for those past the cache only', () => {
    isCaught(onMachine(story([0]), 'its-off-waits-for-readers: no wait'), 'assertion');
  });
});
