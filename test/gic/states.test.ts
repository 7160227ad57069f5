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
    test('an edge latches the SPI, the acknowledge makes it active, the EOI ends it', () => {
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

    test('an edge while the SPI is active is delivered after its EOI', () => {
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

    test('two edges before the acknowledge merge', () => {
      const rig = ready(personality, 'edge');
      for (let n = 0; n < 2; n++) {
        rig.gic.wires.drive(SPI, true);
        rig.gic.wires.drive(SPI, false);
      }
      expect(drain(rig, 0)).toEqual([SPI]);
    });

    test('ICPENDR clears the latch, and the vCPU does not take the SPI', () => {
      const rig = ready(personality, 'edge');
      setPending(rig);
      clearPending(rig);
      expect(state(rig)).toBe('');
      expect(drain(rig, 0)).toEqual([]);
    });

    test('an SPI disabled while pending stays pending, and is signalled when enabled', () => {
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
    test('a level-triggered SPI is pending while its wire is high, also while active', () => {
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

    test('a level-triggered SPI is no longer pending when its wire falls before the acknowledge', () => {
      const rig = ready(personality, 'level');
      rig.gic.wires.drive(SPI, true);
      rig.gic.wires.drive(SPI, false);
      expect(drain(rig, 0)).toEqual([]);
    });

    test('ICPENDR clears the latch of a level-triggered SPI, and not its wire', () => {
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
    test('each vCPU has its own PPI', () => {
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
    test('an LPI has no active state, and a second one waits for the running priority', () => {
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

    test('an LPI disabled in its configuration is latched, and delivered after INV enables it', () => {
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

describe('differences of KVM and QEMU about wires', () => {
  test('each driven 1 on an edge-triggered wire is an edge in KVM, and only a change from 0 to 1 in QEMU', () => {
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

  test('a wire raised while edge-triggered makes the SPI pending after a switch to level in QEMU, and not in KVM', () => {
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

  test('driving a wire past the last SPI, of an LPI, or of a nonexistent vCPU has no effect', () => {
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
  test('an SPI targets the vCPU of its affinity; without such a vCPU it stays pending', () => {
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

  test('QEMU ignores IRM, and honours Aff3', () => {
    const rig = ready('qemu-virt', 'edge');
    rig.gic.distributor.write(gicd.IROUTER + 8 * SPI, 8, 0x8000_0001n);
    setPending(rig);
    expect(drain(rig, 1)).toEqual([SPI]);
    rig.gic.distributor.write(gicd.IROUTER + 8 * SPI, 8, 0x5_0000_0001n);
    setPending(rig);
    expect([drain(rig, 0), drain(rig, 1)]).toEqual([[], []]);
  });

  test('of two SPIs listed for a vCPU, one of them moved, each is taken once by its target', () => {
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
