/** A vCPU's list: an SPI that is alone there, and slots that are moved together, against producers, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { Intid } from '../../../src/arch/intid.ts';
import { gicd } from '../../../src/arch/registers.ts';
import { Chance } from '../../../src/base/chance.ts';
import { DEFAULT_CONFIG } from '../../../src/board/config.ts';
import { isDeliverable, priorityOf, targetOf } from '../../../src/gic/state.ts';
import { load, store } from '../../../src/memory/word.ts';
import { isCaught, passesEvery } from '../../exploring.ts';
import type { MistakeName } from '../../guards/index.ts';
import { load as loadModules } from './modules.ts';
import { LPI, MAPD, mapc, mapti, onMachine, SPI, type Story, type View } from './rig.ts';

const OTHER: Intid = SPI + 1;
const latch = (view: View, intid: Intid) =>
  view.signal(intid - SPI, () => void view.interrupts.latch(view.interrupts.find(0, intid), intid));

/** Takes the SPI twice in a row, so that it is alone from then on; the CPU interface. */
function takeTwice(view: View) {
  const cpu = view.makeCpu(0);
  for (let turn = 0; turn < 2; turn++) {
    latch(view, SPI);
    view.drain(0, 1, cpu);
  }
  return cpu;
}

const SLEEPS = ['lost-wakeup', 'orphan-wait', 'livelock', 'deadlock', 'assertion'] as const;

describe('an SPI that is alone on the list, against another', () => {
  const story: Story = {
    name: 'lone-spi-against-another',
    threads: {
      other: (view) => latch(view, OTHER),
      vcpu: (view) => {
        const cpu = takeTwice(view);
        latch(view, SPI);
        view.drain(0, 1, cpu);
      },
    },
    sources: [0, 1],
  };

  test('neither is lost, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(20);
  });

  test.each([
    'producer-ends-lone-note: left there',
    'append-ends-lone-note: not ended',
    'lone-interrupt-stands-alone: beside others',
  ] as const)('one is lost with %s', (mistake) => {
    isCaught(onMachine(story, mistake), SLEEPS);
  });

  /** A device signals it again while the vCPU ends it, and another device signals the other. */
  const again: Story = {
    name: 'lone-spi-comes-again',
    threads: {
      device: (view) => latch(view, SPI),
      other: (view) => latch(view, OTHER),
      vcpu: (view) => {
        const cpu = takeTwice(view);
        view.drain(0, 2, cpu);
      },
    },
    sources: [0, 1],
  };

  test('none of three is lost, up to two preemptions', () => {
    passesEvery(onMachine(again), { strategy: 'dfs', preemptions: 2 });
  });

  /** First come: it is on the list for as long as it is active. */
  const inOrder: Story = {
    name: 'lone-spi-keeps-its-place',
    threads: {
      vcpu: (view) => {
        const cpu = takeTwice(view);
        latch(view, SPI);
        const intid = cpu.acknowledge();
        view.deliver(intid);
        latch(view, OTHER);
        latch(view, SPI);
        cpu.endOfInterrupt(intid);
        expect(view.drain(0, 2, cpu)).toEqual([SPI, OTHER]);
      },
    },
    sources: [0, 1],
  };

  test('one that comes again while it is active goes before the other', () => {
    passesEvery(onMachine(inOrder));
  });

  test('not so where it has no place while it is active', () => {
    isCaught(onMachine(inOrder, 'lone-active-keeps-place: no place'), 'assertion');
  });
});

describe('a list that is compacted while a producer writes', () => {
  const AT_ONCE = 'thin-list-limit: at once';
  const URGENT = 0x80;
  const WAITS = 0xc0;
  const MASK = 0xb0;

  /** An SPI waits behind the mask, at the begin of the list; each of the other that is taken leaves a hole behind it. */
  const story: Story = {
    name: 'compaction-against-producer',
    commands: [MAPD, mapc(0), mapti(0, LPI), mapti(1, LPI + 1)],
    sourceOf: (intid) => (intid >= LPI ? 2 + intid - LPI : intid - SPI),
    before: (view) => {
      view.gic.distributor.write(gicd.IPRIORITYR + SPI, 4, BigInt(WAITS | (URGENT << 8)));
      latch(view, SPI);
    },
    threads: {
      device: (view) => view.signal(2, () => void view.gic.lpis.latch(LPI)),
      vcpu: (view) => {
        const cpu = view.makeCpu(0);
        cpu.priorityMask = MASK;
        latch(view, OTHER);
        view.signal(3, () => void view.gic.lpis.latch(LPI + 1));
        for (let turn = 0; turn < 4; turn++) view.drain(0, 1, cpu);
      },
    },
    sources: [0, 1, 2, 3],
  };

  test('none of four is lost, whatever the order', () => {
    expect(passesEvery(onMachine(story, AT_ONCE)).schedules).toBeGreaterThan(20);
  });

  test('one is lost where a slot is moved over that of a producer that has not written yet', () => {
    isCaught(onMachine(story, AT_ONCE, 'compaction-spares-writers: moves others over it'), SLEEPS);
  });

  /** In the order of listing, also behind the move. */
  const order: Story = {
    ...story,
    name: 'compaction-keeps-the-order',
    threads: {
      vcpu: (view) => {
        const cpu = view.makeCpu(0);
        cpu.priorityMask = MASK;
        latch(view, OTHER);
        view.signal(3, () => void view.gic.lpis.latch(LPI + 1));
        view.signal(2, () => void view.gic.lpis.latch(LPI));
        expect(view.drain(0, 4, cpu)).toEqual([OTHER, LPI + 1, LPI]);
        cpu.priorityMask = 0xff;
        expect(view.drain(0, 4, cpu)).toEqual([SPI]);
      },
    },
  };

  test('what is moved keeps its turn', () => {
    passesEvery(onMachine(order, AT_ONCE));
  });
});

describe('a long list, whose interrupts stand in queues by priority', () => {
  const LONG = 'walked-list-length: one slot';
  const [A, B] = [0xa0, 0xa8];

  /** Looks behind a mask that lets nothing through: what is listed by then stands in the queues. */
  function look(view: View): void {
    const cpu = view.makeCpu(0);
    cpu.priorityMask = 0x10;
    expect(cpu.acknowledge()).toBe(1023);
  }

  /** Two SPIs wait; then the less urgent one becomes the more urgent, while the vCPU looks. */
  const story: Story = {
    name: 'priority-of-what-is-queued',
    before: (view) => {
      view.gic.distributor.write(gicd.IPRIORITYR + SPI, 4, BigInt(A | (B << 8)));
      latch(view, SPI);
      latch(view, OTHER);
    },
    threads: {
      guest: (view) => {
        view.gic.distributor.write(gicd.IPRIORITYR + OTHER, 1, 0x80n);
        store(view.words, view.free, 1);
      },
      vcpu: (view) => {
        look(view);
        const isChanged = load(view.words, view.free) === 1;
        const order = view.drain(0, 2);
        if (isChanged) expect(order).toEqual([OTHER, SPI]);
        else expect(order.toSorted()).toEqual([SPI, OTHER]);
      },
    },
    sources: [0, 1],
  };

  test('is sorted by the priority that a guest has just written, whatever the order', () => {
    expect(passesEvery(onMachine(story, LONG)).schedules).toBeGreaterThan(2);
  });

  test.each(['new-priority-resorts: not said', 'resort-before-index: kept as they are'] as const)(
    'is not sorted with %s',
    (mistake) => {
      isCaught(onMachine(story, LONG, mistake), 'assertion');
    },
  );

  /** Producers append while the vCPU puts slots into queues, takes some and leaves others. */
  const filling: Story = {
    name: 'queues-against-producers',
    commands: [MAPD, mapc(0), mapti(0, LPI), mapti(1, LPI + 1)],
    sourceOf: (intid) => (intid >= LPI ? 2 + intid - LPI : intid - SPI),
    before: (view) => {
      view.gic.distributor.write(gicd.IPRIORITYR + SPI, 4, BigInt(B | (A << 8)));
      latch(view, SPI);
      latch(view, OTHER);
    },
    threads: {
      device: (view) => {
        view.signal(2, () => void view.gic.lpis.latch(LPI));
        view.signal(3, () => void view.gic.lpis.latch(LPI + 1));
      },
      vcpu: (view) => {
        const cpu = view.makeCpu(0);
        look(view);
        for (let turn = 0; turn < 3; turn++) view.drain(0, 1, cpu);
      },
    },
    sources: [0, 1, 2, 3],
  };

  test('loses none of four that come meanwhile, whatever the order', () => {
    expect(passesEvery(onMachine(filling, LONG)).schedules).toBeGreaterThan(10);
  });
});

describe('a list that is walked and one that has queues', () => {
  const MOST = 48;

  /**
   * Random signals, priorities, masks and ends of as many SPIs and LPIs; the INTIDs that were taken, in order. Each has to be the most
   * urgent of all that may be taken.
   * @param moves - whether there are SPIs too, and interrupts are sent to another vCPU, disabled and enabled: they then may keep an old
   * place, or have a new one
   */
  function play(seed: number, moves: boolean, ...mistakes: readonly MistakeName[]): number[] {
    const { createBoard } = loadModules(mistakes).board;
    const { gic } = createBoard({
      ...DEFAULT_CONFIG,
      vcpus: 2,
      idBits: 14,
      memory: [{ base: 0, bytes: 4096 }],
    });
    const chance = new Chance(seed);
    gic.distributor.write(gicd.CTLR, 4, 2n);
    // An SPI that has ended may keep its place for a while, so where the order counts there are none.
    const intids = Array.from(
      { length: MOST },
      (_, index): Intid => (moves && index % 2 === 0 ? SPI + (index >> 1) : LPI + index),
    );
    const priority = () => 0x80 + 8 * chance.below(6);
    const setPriority = (intid: Intid) => {
      if (intid >= LPI) gic.lpis.configure(intid, priority() | 1);
      else gic.distributor.write(gicd.IPRIORITYR + intid, 1, BigInt(priority()));
    };
    for (const intid of intids) {
      if (intid >= LPI) {
        gic.lpis.map(intid);
        gic.lpis.retarget(intid, 0);
      } else {
        gic.distributor.write(gicd.ICFGR + ((intid >>> 4) << 2), 4, 0xaaaa_aaaan);
        gic.distributor.write(gicd.ISENABLER + ((intid >>> 5) << 2), 4, 0xffff_ffffn);
      }
      setPriority(intid);
    }
    const [cpu, other] = gic.cpuInterfaces;
    if (!cpu || !other) throw new Error('the board has two vCPUs');
    for (const each of [cpu, other]) each.groupEnable1 = true;
    const { interrupts } = gic;
    const taken: number[] = [];
    for (let step = 0; step < 1_500; step++) {
      const intid = intids[chance.below(MOST)] ?? SPI;
      const draw = chance.below(16);
      if (draw < 7) {
        if (intid >= LPI) gic.lpis.latch(intid);
        else gic.wires.drive(intid, true);
      } else if (draw < 13) {
        const by = draw === 12 ? other : cpu;
        by.priorityMask = chance.below(3) === 0 ? 0x98 : 0xf0;
        const best = intids.reduce((least, each) => {
          const state = interrupts.state(interrupts.find(0, each));
          return isDeliverable(state) && targetOf(state) === by.vcpu
            ? Math.min(least, priorityOf(state))
            : least;
        }, by.priorityMask);
        const found = by.acknowledge();
        const priorityFound = found === 1023 ? by.priorityMask : by.runningPriority;
        expect(priorityFound, `seed ${seed}, step ${step}: priority of INTID ${found}`).toBe(best);
        taken.push(found);
        if (found !== 1023) by.endOfInterrupt(found);
      } else if (draw === 13) {
        setPriority(intid);
      } else if (!moves) {
      } else if (draw === 14) {
        if (intid >= LPI) gic.lpis.retarget(intid, chance.below(2));
        else gic.distributor.write(gicd.IROUTER + 8 * intid, 8, BigInt(chance.below(2)));
      } else if (intid < LPI) {
        const register = chance.below(2) === 0 ? gicd.ICENABLER : gicd.ISENABLER;
        gic.distributor.write(register + ((intid >>> 5) << 2), 4, BigInt(1 << (intid & 30)));
      }
    }
    return taken;
  }

  test('take the same interrupts in the same order, in 30 random runs', () => {
    for (let seed = 1; seed <= 30; seed++)
      expect(play(seed, false, 'walked-list-length: one slot'), `seed ${seed}`).toEqual(
        play(seed, false, 'walked-list-length: all'),
      );
  });

  test('take the most urgent, also where interrupts move and are disabled, in 30 random runs', () => {
    for (let seed = 1; seed <= 30; seed++) {
      expect(play(seed, true, 'walked-list-length: one slot').length).toBeGreaterThan(200);
      expect(play(seed, true).length).toBeGreaterThan(200);
    }
  });

  test('do not take the most urgent where the queues keep old priorities', () => {
    expect(() => {
      for (const seed of [1, 2, 3])
        play(seed, true, 'walked-list-length: one slot', 'new-priority-resorts: not said');
    }).toThrow(/priority of INTID/);
  });
});
