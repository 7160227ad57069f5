import { describe, expect, test } from 'vitest';
import { gicd, gicr } from '../../src/arch/registers.ts';
import { isPending } from '../../src/gic/state.ts';
import { drain, enableLpis, makeRig, mapLpi, type Rig, turnOn } from './rig.ts';

const PERSONALITIES = ['kvm', 'qemu-virt'] as const;
const SPI = 40;
const PPI = 20;

/** A rig whose SPI 40 and PPI 20 (of vCPU 0) are in group 1, enabled, at priority 0xa0, and `trigger`ed. */
function ready(personality: (typeof PERSONALITIES)[number], trigger: 'edge' | 'level'): Rig {
  const rig = makeRig({ personality });
  turnOn(rig);
  const d = rig.gic.distributor;
  const r = rig.gic.redistributor(0);
  d.write(0x84, 4, 0xffff_ffffn);
  d.write(0xc08, 4, trigger === 'edge' ? 0xaaaa_aaaan : 0n);
  d.write(0x400 + SPI, 1, 0xa0n);
  d.write(0x104, 4, 1n << BigInt(SPI - 32));
  r.write(0x1_0080, 4, 0xffff_ffffn);
  r.write(0x1_0400 + PPI, 1, 0xa0n);
  r.write(0x1_0100, 4, 1n << BigInt(PPI));
  return rig;
}

const pending = ({ gic }: Rig) => (gic.distributor.read(gicd.ISPENDR + 4, 4) >> BigInt(SPI - 32)) & 1n;
const active = ({ gic }: Rig) => (gic.distributor.read(gicd.ISACTIVER + 4, 4) >> BigInt(SPI - 32)) & 1n;
const setPending = ({ gic }: Rig) => gic.distributor.write(gicd.ISPENDR + 4, 4, 1n << BigInt(SPI - 32));
const clearPending = ({ gic }: Rig) => gic.distributor.write(gicd.ICPENDR + 4, 4, 1n << BigInt(SPI - 32));
const state = (rig: Rig) => `${active(rig) === 1n ? 'A' : ''}${pending(rig) === 1n ? 'P' : ''}`;

for (const personality of PERSONALITIES) {
  describe(`an edge-triggered SPI (${personality})`, () => {
    test('latches at the edge, turns active when taken, and ends', () => {
      const rig = ready(personality, 'edge');
      rig.gic.wires.drive(SPI, true);
      expect(state(rig)).toBe('P');
      rig.gic.wires.drive(SPI, false);
      expect(state(rig)).toBe('P');
      expect(rig.gic.cpuInterface(0).acknowledge()).toBe(SPI);
      expect(state(rig)).toBe('A');
      rig.gic.cpuInterface(0).endOfInterrupt(SPI);
      expect(state(rig)).toBe('');
    });

    test('comes again while active, and is delivered after its end', () => {
      const rig = ready(personality, 'edge');
      setPending(rig);
      const cpu = rig.gic.cpuInterface(0);
      expect(cpu.acknowledge()).toBe(SPI);
      rig.gic.wires.drive(SPI, true);
      expect(state(rig)).toBe('AP');
      expect(cpu.acknowledge()).toBe(1023);
      cpu.endOfInterrupt(SPI);
      expect(state(rig)).toBe('P');
      expect(drain(rig, 0)).toEqual([SPI]);
    });

    test('two edges before the first is taken are one interrupt', () => {
      const rig = ready(personality, 'edge');
      for (let n = 0; n < 2; n++) {
        rig.gic.wires.drive(SPI, true);
        rig.gic.wires.drive(SPI, false);
      }
      expect(drain(rig, 0)).toEqual([SPI]);
    });

    test('ICPENDR takes the latch away, and the vCPU does not get it', () => {
      const rig = ready(personality, 'edge');
      setPending(rig);
      clearPending(rig);
      expect(state(rig)).toBe('');
      expect(drain(rig, 0)).toEqual([]);
    });

    test('disabled while pending it stays pending, and is not signalled until enabled', () => {
      const rig = ready(personality, 'edge');
      setPending(rig);
      rig.gic.distributor.write(gicd.ICENABLER + 4, 4, 1n << BigInt(SPI - 32));
      expect(state(rig)).toBe('P');
      expect(rig.gic.cpuInterface(0).irq).toBe(false);
      rig.gic.distributor.write(gicd.ISENABLER + 4, 4, 1n << BigInt(SPI - 32));
      expect(rig.gic.cpuInterface(0).irq).toBe(true);
      expect(drain(rig, 0)).toEqual([SPI]);
    });

    test('the active registers set and clear the active state, and leave priorities alone', () => {
      const rig = ready(personality, 'edge');
      setPending(rig);
      rig.gic.distributor.write(gicd.ISACTIVER + 4, 4, 1n << BigInt(SPI - 32));
      expect(state(rig)).toBe('AP');
      expect(rig.gic.cpuInterface(0).irq).toBe(false);
      expect(rig.gic.cpuInterface(0).runningPriority).toBe(0xff);
      rig.gic.distributor.write(gicd.ICACTIVER + 4, 4, 1n << BigInt(SPI - 32));
      expect(drain(rig, 0)).toEqual([SPI]);
    });
  });

  describe(`a level-triggered SPI (${personality})`, () => {
    test('is pending while the wire is up, also after it was taken', () => {
      const rig = ready(personality, 'level');
      rig.gic.wires.drive(SPI, true);
      expect(state(rig)).toBe('P');
      const cpu = rig.gic.cpuInterface(0);
      expect(cpu.acknowledge()).toBe(SPI);
      expect(state(rig)).toBe('AP');
      expect(cpu.acknowledge()).toBe(1023);
      cpu.endOfInterrupt(SPI);
      expect(cpu.acknowledge()).toBe(SPI);
      rig.gic.wires.drive(SPI, false);
      expect(state(rig)).toBe('A');
      cpu.endOfInterrupt(SPI);
      expect(state(rig)).toBe('');
    });

    test('goes when the wire falls before it was taken', () => {
      const rig = ready(personality, 'level');
      rig.gic.wires.drive(SPI, true);
      rig.gic.wires.drive(SPI, false);
      expect(drain(rig, 0)).toEqual([]);
    });

    test('the latch and the wire are two things', () => {
      const rig = ready(personality, 'level');
      rig.gic.wires.drive(SPI, true);
      clearPending(rig);
      expect(state(rig)).toBe('P');
      setPending(rig);
      rig.gic.wires.drive(SPI, false);
      expect(state(rig)).toBe('P');
      expect(drain(rig, 0)).toEqual([SPI]);
      expect(state(rig)).toBe('');
    });

    test('a change of trigger keeps the latch', () => {
      const rig = ready(personality, 'level');
      setPending(rig);
      rig.gic.distributor.write(gicd.ICFGR + 8, 4, 0xaaaa_aaaan);
      expect(state(rig)).toBe('P');
      rig.gic.distributor.write(gicd.ICFGR + 8, 4, 0n);
      expect(drain(rig, 0)).toEqual([SPI]);
    });
  });

  describe(`a PPI (${personality})`, () => {
    test('belongs to one vCPU', () => {
      const rig = ready(personality, 'level');
      expect(rig.gic.wires.drive(PPI, true, 1)).toBe(true);
      expect(rig.gic.cpuInterface(0).irq).toBe(false);
      rig.gic.wires.drive(PPI, true, 0);
      expect(rig.gic.cpuInterface(0).acknowledge()).toBe(PPI);
      rig.gic.wires.drive(PPI, false, 0);
      rig.gic.cpuInterface(0).endOfInterrupt(PPI);
      expect(drain(rig, 0)).toEqual([]);
      expect(rig.gic.redistributor(1).read(gicr.ISPENDR0, 4)).toBe(1n << BigInt(PPI));
    });
  });

  describe(`an LPI (${personality})`, () => {
    test('has no active state, and comes again behind its own running priority', () => {
      const rig = makeRig({ personality });
      turnOn(rig);
      enableLpis(rig, 0);
      mapLpi(rig, 8192, 0);
      rig.gic.lpis.latch(8192);
      const cpu = rig.gic.cpuInterface(0);
      expect(cpu.acknowledge()).toBe(8192);
      expect(rig.gic.lpis.isPending(8192)).toBe(false);
      rig.gic.lpis.latch(8192);
      expect(rig.gic.lpis.isPending(8192)).toBe(true);
      expect(cpu.irq).toBe(false);
      cpu.endOfInterrupt(8192);
      expect(cpu.irq).toBe(true);
      expect(drain(rig, 0)).toEqual([8192]);
    });

    test('disabled in its configuration it is latched, and comes when that is loaded again', () => {
      const rig = makeRig({ personality });
      turnOn(rig);
      mapLpi(rig, 8193, 0, 0xa0);
      rig.gic.lpis.latch(8193);
      expect(drain(rig, 0)).toEqual([]);
      rig.gic.lpis.configure(8193, 0xa1);
      expect(drain(rig, 0)).toEqual([8193]);
    });
  });
}

describe('where KVM and QEMU read a wire differently', () => {
  test('each 1 on an edge-triggered wire is an edge in KVM; in QEMU only the step from 0 is', () => {
    for (const [personality, again] of [
      ['kvm', [SPI]],
      ['qemu-virt', []],
    ] as const) {
      const rig = ready(personality, 'edge');
      rig.gic.wires.drive(SPI, true);
      expect(drain(rig, 0)).toEqual([SPI]);
      rig.gic.wires.drive(SPI, true);
      expect(drain(rig, 0)).toEqual(again);
    }
  });

  test('a wire raised while edge-triggered is seen after the switch to level in QEMU only', () => {
    for (const [personality, expected] of [
      ['kvm', ''],
      ['qemu-virt', 'P'],
    ] as const) {
      const rig = ready(personality, 'edge');
      rig.gic.wires.drive(SPI, true);
      clearPending(rig);
      rig.gic.distributor.write(gicd.ICFGR + 8, 4, 0n);
      expect(state(rig)).toBe(expected);
      expect(rig.gic.cpuInterface(0).acknowledge()).toBe(expected === 'P' ? SPI : 1023);
    }
  });

  test('there is no wire past the last SPI, nor for an LPI, nor at a vCPU that does not exist', () => {
    const { gic } = makeRig();
    for (const [intid, vcpu] of [
      [96, 0],
      [1020, 0],
      [8192, 0],
      [-1, 0],
      [20, 2],
    ] as const) {
      expect(gic.wires.drive(intid, true, vcpu)).toBe(false);
    }
    expect(gic.wires.drive(95, true)).toBe(true);
  });
});

describe('routing', () => {
  test('an SPI goes where its affinity says; to nowhere, it stays pending', () => {
    const rig = ready('qemu-virt', 'edge');
    const router = 0x6000 + 8 * SPI;
    rig.gic.distributor.write(router, 8, 1n);
    setPending(rig);
    expect(drain(rig, 0)).toEqual([]);
    expect(drain(rig, 1)).toEqual([SPI]);
    rig.gic.distributor.write(router, 8, 0x9n);
    setPending(rig);
    expect([drain(rig, 0), drain(rig, 1), state(rig)]).toEqual([[], [], 'P']);
    rig.gic.distributor.write(router, 8, 0n);
    expect(drain(rig, 0)).toEqual([SPI]);
  });

  test('IRM is not heeded by QEMU; Aff3 makes it another vCPU', () => {
    const rig = ready('qemu-virt', 'edge');
    rig.gic.distributor.write(gicd.IROUTER + 8 * SPI, 8, 0x8000_0001n);
    setPending(rig);
    expect(drain(rig, 1)).toEqual([SPI]);
    rig.gic.distributor.write(gicd.IROUTER + 8 * SPI, 8, 0x5_0000_0001n);
    setPending(rig);
    expect([drain(rig, 0), drain(rig, 1)]).toEqual([[], []]);
  });

  test('two listed at a vCPU, one moved: each is taken once, where it is', () => {
    for (const personality of PERSONALITIES) {
      const rig = ready(personality, 'edge');
      rig.gic.distributor.write(gicd.ISENABLER + 4, 4, 0xffff_ffffn);
      rig.gic.distributor.write(gicd.ISPENDR + 4, 4, 0x3n << BigInt(SPI - 32));
      rig.gic.distributor.write(gicd.IROUTER + 8 * SPI, 8, 1n);
      expect(drain(rig, 0)).toEqual([SPI + 1]);
      expect(drain(rig, 1)).toEqual([SPI]);
      const { interrupts } = rig.gic;
      expect(isPending(interrupts.state(interrupts.find(0, SPI)))).toBe(false);
    }
  });
});
