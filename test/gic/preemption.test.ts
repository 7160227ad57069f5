import { describe, expect, test } from 'vitest';
import { gicd } from '../../src/arch/registers.ts';
import { makeRig, type Rig, turnOn } from './rig.ts';

const FIRST = 32;

/** SPIs 32 and up with the priorities given, all edge-triggered, enabled, in group 1 (or 0 where asked). */
function withPriorities(priorities: readonly number[], personality: 'kvm' | 'qemu-virt' = 'kvm'): Rig {
  const rig = makeRig({ personality, spis: 64 });
  turnOn(rig);
  const d = rig.gic.distributor;
  for (const word of [0, 1]) {
    d.write(0x84 + 4 * word, 4, 0xffff_ffffn);
    d.write(0x104 + 4 * word, 4, 0xffff_ffffn);
  }
  for (let word = 0; word < 4; word++) d.write(0xc08 + 4 * word, 4, 0xaaaa_aaaan);
  priorities.forEach((priority, index) => {
    d.write(0x400 + FIRST + index, 1, BigInt(priority));
  });
  return rig;
}

function pend({ gic }: Rig, intid: number): void {
  gic.distributor.write(gicd.ISPENDR + 4 * (intid >>> 5), 4, 1n << BigInt(intid & 31));
}

describe('preemption', () => {
  test('interrupts of 31 priorities nest, and unwind in order', () => {
    const priorities = Array.from({ length: 31 }, (_, level) => 0xf0 - 8 * level);
    const rig = withPriorities(priorities);
    const cpu = rig.gic.cpuInterface(0);
    cpu.priorityMask = 0xf8;
    for (const [index, priority] of priorities.entries()) {
      pend(rig, FIRST + index);
      expect(cpu.irq).toBe(true);
      expect(cpu.acknowledge()).toBe(FIRST + index);
      expect(cpu.runningPriority).toBe(priority);
      expect(cpu.acknowledge()).toBe(1023);
    }
    expect(cpu.activePriorities1 >>> 0).toBe(0x7fff_ffff);
    for (let index = priorities.length - 1; index >= 0; index--) {
      expect(cpu.runningPriority).toBe(priorities[index]);
      cpu.endOfInterrupt(FIRST + index);
    }
    expect(cpu.runningPriority).toBe(0xff);
    expect(cpu.activePriorities1).toBe(0);
    expect(rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)).toBe(0n);
  });

  test('an interrupt of equal or less urgent priority waits, in any order of arrival', () => {
    const rig = withPriorities([0x80, 0x80, 0xa0, 0x40]);
    const cpu = rig.gic.cpuInterface(0);
    pend(rig, 33);
    expect(cpu.acknowledge()).toBe(33);
    pend(rig, 32);
    pend(rig, 34);
    expect(cpu.irq).toBe(false);
    pend(rig, 35);
    expect(cpu.acknowledge()).toBe(35);
    cpu.endOfInterrupt(35);
    expect(cpu.irq).toBe(false);
    cpu.endOfInterrupt(33);
    expect(cpu.acknowledge()).toBe(32);
    cpu.endOfInterrupt(32);
    expect(cpu.acknowledge()).toBe(34);
  });

  test('PMR passes only numerically lower priorities, and none after reset', () => {
    const rig = withPriorities([0x80]);
    const cpu = rig.gic.cpuInterface(0);
    pend(rig, 32);
    cpu.priorityMask = 0x80;
    expect([cpu.irq, cpu.highestPending, cpu.acknowledge()]).toEqual([false, 32, 1023]);
    cpu.priorityMask = 0x87;
    expect([cpu.priorityMask, cpu.irq]).toEqual([0x80, false]);
    cpu.priorityMask = 0x88;
    expect([cpu.irq, cpu.acknowledge()]).toEqual([true, 32]);
    const fresh = makeRig().gic.cpuInterface(0);
    expect([fresh.priorityMask, fresh.groupEnable1, fresh.runningPriority]).toEqual([0, false, 0xff]);
  });

  test('the binary point affects preemption, not the choice among waiting interrupts', () => {
    const rig = withPriorities([0x90, 0x80, 0x60]);
    const cpu = rig.gic.cpuInterface(0);
    cpu.binaryPoint1 = 6; // groups of 0x40
    pend(rig, 32);
    expect(cpu.acknowledge()).toBe(32);
    expect(cpu.runningPriority).toBe(0x80);
    pend(rig, 33);
    expect([cpu.highestPending, cpu.irq]).toEqual([33, false]);
    pend(rig, 34);
    expect(cpu.acknowledge()).toBe(34);
    expect(cpu.runningPriority).toBe(0x40);
    cpu.endOfInterrupt(34);
    cpu.endOfInterrupt(32);
    expect(cpu.acknowledge()).toBe(33);
  });

  test('binary points clamp to their minimum; CBPR makes both groups use BPR0', () => {
    const cpu = withPriorities([]).gic.cpuInterface(0);
    cpu.binaryPoint0 = 0;
    cpu.binaryPoint1 = 0;
    expect([cpu.binaryPoint0, cpu.binaryPoint1]).toEqual([2, 3]);
    cpu.control = 1;
    cpu.binaryPoint0 = 5;
    cpu.binaryPoint1 = 3;
    expect(cpu.binaryPoint1).toBe(6);
    cpu.binaryPoint0 = 7;
    expect(cpu.binaryPoint1).toBe(7);
    cpu.control = 0;
    expect(cpu.binaryPoint1).toBe(3);
  });

  test('with CBPR, BPR0 splits the priorities of group 1', () => {
    const rig = withPriorities([0x90, 0x80]);
    const cpu = rig.gic.cpuInterface(0);
    cpu.binaryPoint0 = 5; // groups of 0x40
    cpu.control = 1;
    pend(rig, 32);
    expect(cpu.acknowledge()).toBe(32);
    pend(rig, 33);
    expect(cpu.irq).toBe(false);
    cpu.control = 0; // group 1's own split is finer: 0x80 preempts 0x90, but the running priority is 0x80 by now
    expect(cpu.irq).toBe(false);
    expect(cpu.runningPriority).toBe(0x80);
  });
});

describe('EOImode 1', () => {
  test('EOIR drops the priority, DIR deactivates, in any order', () => {
    const rig = withPriorities([0x80, 0x40]);
    const cpu = rig.gic.cpuInterface(0);
    cpu.control = 2;
    pend(rig, 32);
    cpu.acknowledge();
    pend(rig, 33);
    cpu.acknowledge();
    cpu.endOfInterrupt(33);
    expect([cpu.runningPriority, rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)]).toEqual([0x80, 3n]);
    cpu.deactivate(32);
    expect([cpu.runningPriority, rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)]).toEqual([0x80, 2n]);
    cpu.endOfInterrupt(32);
    cpu.deactivate(33);
    expect([cpu.runningPriority, rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)]).toEqual([0xff, 0n]);
  });

  test('DIR of another vCPU deactivates an SPI; in EOImode 0 DIR has no effect', () => {
    const rig = withPriorities([0x80]);
    const [cpu, other] = [rig.gic.cpuInterface(0), rig.gic.cpuInterface(1)];
    cpu.control = 2;
    pend(rig, 32);
    cpu.acknowledge();
    cpu.endOfInterrupt(32);
    other.deactivate(32);
    expect(rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)).toBe(1n);
    other.control = 2;
    other.deactivate(32);
    expect(rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)).toBe(0n);
  });
});

describe('EOIs without a matching active interrupt', () => {
  test('EOIR and DIR ignore special INTIDs', () => {
    const rig = withPriorities([0x80]);
    const cpu = rig.gic.cpuInterface(0);
    pend(rig, 32);
    cpu.acknowledge();
    for (const intid of [1020, 1021, 1022, 1023]) cpu.endOfInterrupt(intid);
    expect(cpu.runningPriority).toBe(0x80);
    cpu.endOfInterrupt(32);
    expect(cpu.runningPriority).toBe(0xff);
  });

  test.each([
    ['kvm', 3n],
    ['qemu-virt', 2n],
  ] as const)('%s: an EOI of the outer interrupt drops the inner priority', (personality, active) => {
    const rig = withPriorities([0x80, 0x40], personality);
    // setup-dist's part: QEMU's interrupts start in group 0.
    rig.gic.distributor.write(0x84, 4, 0xffff_ffffn);
    const cpu = rig.gic.cpuInterface(0);
    pend(rig, 32);
    cpu.acknowledge();
    pend(rig, 33);
    cpu.acknowledge();
    cpu.endOfInterrupt(32);
    // KVM ends an interrupt only with its own priority: vector 03 of test/data/vectors-2.
    expect([cpu.runningPriority, rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)]).toEqual([0x80, active]);
    cpu.endOfInterrupt(96); // there is no such SPI
    expect(cpu.runningPriority).toBe(0xff);
  });

  test('ICC_EOIR1_EL1 does not deactivate an interrupt of group 0', () => {
    for (const personality of ['kvm', 'qemu-virt'] as const) {
      const rig = withPriorities([0x80], personality);
      rig.gic.distributor.write(gicd.IGROUPR + 4, 4, 0n);
      const cpu = rig.gic.cpuInterface(0);
      pend(rig, 32);
      expect([cpu.irq, cpu.fiq]).toEqual([false, true]);
      expect(cpu.acknowledge()).toBe(1023);
      expect(cpu.acknowledgeGroup0()).toBe(32);
      cpu.endOfInterrupt(32);
      // KVM drops the priority, and leaves the interrupt active; QEMU does nothing.
      expect(cpu.runningPriority).toBe(personality === 'kvm' ? 0xff : 0x80);
      expect(rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)).toBe(1n);
      cpu.endOfInterruptGroup0(32);
      // In KVM no priority is left to drop, so nothing ends.
      expect(rig.gic.distributor.read(gicd.ISACTIVER + 4, 4)).toBe(personality === 'kvm' ? 1n : 0n);
    }
  });
});
