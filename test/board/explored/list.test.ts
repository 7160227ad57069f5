/** A vCPU's list: an SPI that is alone there, and slots that are moved together, against producers, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { Intid } from '../../../src/arch/intid.ts';
import { gicd } from '../../../src/arch/registers.ts';
import { isCaught, passesEvery } from '../../exploring.ts';
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
