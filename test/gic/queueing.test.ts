import { describe, expect, test } from 'vitest';
import { gicd, gicr } from '../../src/arch/registers.ts';
import { LATCH, UNQUEUED } from '../../src/gic/state.ts';
import { drain, makeRig, mapLpi, type Rig, turnOn } from './rig.ts';

const SPI = 40;
const BIT = 1n << BigInt(SPI - 32);

/** A rig with the distributor off, and SPI 40 enabled, edge-triggered, in group 1, sent to vCPU 0. */
function off(personality: 'kvm' | 'qemu-virt' = 'kvm'): Rig {
  const rig = makeRig({ personality });
  turnOn(rig);
  const d = rig.gic.distributor;
  d.write(0x84, 4, 0xffff_ffffn);
  d.write(0xc08, 4, 0xaaaa_aaaan);
  d.write(0x104, 4, BIT);
  d.write(0, 4, 0n);
  return rig;
}

const on = ({ gic }: Rig) => gic.distributor.write(gicd.CTLR, 4, 3n);
const turnOff = ({ gic }: Rig) => gic.distributor.write(gicd.CTLR, 4, 0n);
const pend = ({ gic }: Rig) => gic.distributor.write(gicd.ISPENDR + 4, 4, BIT);
const route = ({ gic }: Rig, affinity: bigint) => gic.distributor.write(gicd.IROUTER + 8 * SPI, 8, affinity);
const pending = ({ gic }: Rig) => (gic.distributor.read(gicd.ISPENDR + 4, 4) & BIT) !== 0n;
const state = ({ gic }: Rig) => gic.interrupts.state(gic.interrupts.find(0, SPI)) & (LATCH | UNQUEUED);

describe('an interrupt that becomes pending while the distributor is disabled', () => {
  test('enabling the distributor queues a pending interrupt in QEMU, and not in KVM', () => {
    for (const [personality, taken] of [
      ['kvm', []],
      ['qemu-virt', [SPI]],
    ] as const) {
      const rig = off(personality);
      pend(rig);
      on(rig);
      expect(pending(rig)).toBe(true);
      expect(drain(rig, 0)).toEqual(taken);
    }
  });

  test('each event that calls vgic_queue_irq_unlock queues an unqueued interrupt', () => {
    const looks: readonly [string, (rig: Rig) => void][] = [
      ['a new edge', ({ gic }) => gic.wires.drive(SPI, true)],
      ['ISPENDR', pend],
      ['ISENABLER', ({ gic }) => gic.distributor.write(gicd.ISENABLER + 4, 4, BIT)],
      ['IGROUPR', ({ gic }) => gic.distributor.write(gicd.IGROUPR + 4, 4, 0xffff_ffffn)],
    ];
    for (const [name, look] of looks) {
      const rig = off();
      pend(rig);
      on(rig);
      look(rig);
      expect([name, ...drain(rig, 0)]).toEqual([name, SPI]);
      expect(state(rig)).toBe(0);
    }
  });

  test('writes of priority, routing and the other fields leave an interrupt unqueued', () => {
    const rig = off();
    pend(rig);
    on(rig);
    rig.gic.distributor.write(gicd.IPRIORITYR + SPI, 1, 0x20n);
    route(rig, 1n);
    route(rig, 0n);
    rig.gic.distributor.write(gicd.ISENABLER + 4, 4, BIT << 1n);
    expect([drain(rig, 0), drain(rig, 1), pending(rig)]).toEqual([[], [], true]);
  });

  test('ICPENDR clears the pending state of an unqueued interrupt', () => {
    const rig = off();
    pend(rig);
    on(rig);
    rig.gic.distributor.write(gicd.ICPENDR + 4, 4, BIT);
    expect([pending(rig), state(rig)]).toEqual([false, 0]);
  });

  test('disabling and enabling the distributor unqueues a queued interrupt', () => {
    for (const [personality, taken] of [
      ['kvm', []],
      ['qemu-virt', [SPI]],
    ] as const) {
      const rig = off(personality);
      on(rig);
      pend(rig);
      expect(rig.gic.cpuInterface(0).highestPending).toBe(SPI);
      turnOff(rig);
      expect(rig.gic.cpuInterface(0).highestPending).toBe(1023);
      on(rig);
      expect(drain(rig, 0)).toEqual(taken);
    }
  });

  test('LPIs and SGIs become unqueued as SPIs do', () => {
    const rig = off();
    mapLpi(rig, 8192, 1);
    rig.gic.lpis.latch(8192);
    rig.gic.redistributor(1).write(gicr.ISPENDR0, 4, 1n << 3n);
    on(rig);
    expect(drain(rig, 1)).toEqual([]);
    rig.gic.lpis.latch(8192);
    rig.gic.redistributor(1).write(gicr.ISPENDR0, 4, 1n << 3n);
    expect(drain(rig, 1)).toEqual([3, 8192]);
  });

  test('a level-triggered SPI whose wire stays high is queued only when the wire is driven again', () => {
    const rig = off();
    rig.gic.distributor.write(gicd.ICFGR + 8, 4, 0n);
    rig.gic.wires.drive(SPI, true);
    on(rig);
    rig.gic.wires.drive(SPI, true);
    expect(rig.gic.cpuInterface(0).irq).toBe(false);
    rig.gic.wires.drive(SPI, false);
    rig.gic.wires.drive(SPI, true);
    expect(rig.gic.cpuInterface(0).acknowledge()).toBe(SPI);
  });

  test('an active interrupt keeps its place on the list', () => {
    const rig = off();
    on(rig);
    pend(rig);
    const cpu = rig.gic.cpuInterface(0);
    expect(cpu.acknowledge()).toBe(SPI);
    pend(rig);
    turnOff(rig);
    on(rig);
    cpu.endOfInterrupt(SPI);
    expect(drain(rig, 0)).toEqual([SPI]);
  });
});

describe('GICD_IROUTER', () => {
  test('a write to GICD_IROUTER queues an SPI that was pending without a target in QEMU, and not in KVM', () => {
    for (const [personality, taken] of [
      ['kvm', []],
      ['qemu-virt', [SPI]],
    ] as const) {
      const rig = off(personality);
      on(rig);
      route(rig, 7n);
      pend(rig);
      route(rig, 1n);
      expect([drain(rig, 0), drain(rig, 1), pending(rig)]).toEqual([[], taken, taken.length === 0]);
      pend(rig);
      expect(drain(rig, 1)).toEqual([SPI]);
    }
  });

  test('a write to GICD_IROUTER moves a queued SPI to the new target', () => {
    const rig = off();
    on(rig);
    pend(rig);
    route(rig, 1n);
    expect([drain(rig, 0), drain(rig, 1)]).toEqual([[], [SPI]]);
  });

  test('a write to GICD_IROUTER moves a queued level-triggered SPI whose wire is high, and leaves an unqueued one', () => {
    const rig = off();
    rig.gic.distributor.write(gicd.ICFGR + 8, 4, 0n);
    on(rig);
    rig.gic.wires.drive(SPI, true);
    route(rig, 1n);
    expect(rig.gic.cpuInterface(1).highestPending).toBe(SPI);
    turnOff(rig);
    on(rig);
    route(rig, 0n);
    expect(rig.gic.cpuInterface(0).highestPending).toBe(1023);
  });
});
