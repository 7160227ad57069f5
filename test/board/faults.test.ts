import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG, type Fault } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { EDGE, ENABLED, GROUP1, TARGET } from '../../src/gic/state.ts';

const SPI = 40;
const OTHER = 41;
const SGI = 3;

/** A machine of two vCPUs that take what they are sent; edges go to vCPU 0. */
function machine(fault: Fault) {
  const { gic } = Machine.create({ ...DEFAULT_CONFIG, vcpus: 2, fault });
  const { interrupts } = gic;
  interrupts.setForwarding(3);
  for (const intid of [SPI, OTHER, SGI])
    interrupts.change(interrupts.find(0, intid), intid, TARGET, ENABLED | GROUP1 | EDGE);
  const cpus = [0, 1].map((vcpu) => gic.cpuInterface(vcpu));
  for (const cpu of cpus) {
    cpu.groupEnable1 = true;
    cpu.priorityMask = 0xf8;
  }
  const cpu = gic.cpuInterface(0);
  const take = () => {
    const intid = cpu.acknowledge();
    cpu.endOfInterrupt(intid);
    return intid;
  };
  const latch = (intid: number) => interrupts.latch(interrupts.find(0, intid), intid);
  return { interrupts, cpu, take, latch };
}

/** Whether a vCPU that has fallen asleep just now is woken by what is done. */
function wakes({ interrupts }: ReturnType<typeof machine>, act: () => void, vcpu = 0): boolean {
  const bell = interrupts.bell(vcpu);
  const ticket = bell.announce();
  act();
  return bell.park(ticket, 0);
}

describe('a fault of a machine', () => {
  test.each([
    ['drop-kick', [true, true, true, false, false, false]],
    ['none', [true, true, true, true, true, true]],
  ] as const)('%s: the kicks of a vCPU that sleeps and takes nothing', (fault, expected) => {
    const made = machine(fault);
    expect(expected.map(() => wakes(made, () => made.interrupts.ring(0)))).toEqual(expected);
  });

  test('drop-kick ends for a vCPU once it has taken an interrupt, and never was of another vCPU', () => {
    const made = machine('drop-kick');
    const ring = (vcpu: number) => wakes(made, () => made.interrupts.ring(vcpu), vcpu);
    expect([ring(0), ring(0), ring(0), ring(0), ring(0)]).toEqual([true, true, true, false, false]);
    expect(ring(1)).toBe(true);
    made.latch(SPI);
    expect(made.take()).toBe(SPI);
    expect([ring(0), ring(0), ring(0), ring(0)]).toEqual([true, true, false, false]);
  });

  test('drop-kick drops nothing of a vCPU that is awake', () => {
    const made = machine('drop-kick');
    for (let kick = 0; kick < 100; kick++) made.interrupts.ring(0);
    expect(wakes(made, () => made.interrupts.ring(0))).toBe(true);
  });

  test.each([
    ['drop-pending', 15],
    ['none', 40],
  ] as const)('%s: of 40 edges of an SPI, %i are taken', (fault, taken) => {
    const { latch, take } = machine(fault);
    const seen = Array.from({ length: 40 }, () => {
      latch(SPI);
      return take();
    });
    expect(seen.filter((intid) => intid === SPI)).toHaveLength(taken);
    // The edges of another one come through meanwhile.
    latch(OTHER);
    expect(take()).toBe(OTHER);
  });

  test('drop-pending passes to another interrupt after 1,024 edges', () => {
    const { latch, take } = machine('drop-pending');
    for (let edge = 1; edge < 16; edge++) latch(OTHER);
    expect([take(), take()]).toEqual([OTHER, 1023]);
    for (let edge = 16; edge < 16 + 1024; edge++) latch(SPI);
    expect(take()).toBe(1023);
    latch(OTHER);
    expect(take()).toBe(1023);
    latch(SPI);
    expect(take()).toBe(SPI);
  });

  test('drop-pending leaves SGIs alone', () => {
    const { latch, take } = machine('drop-pending');
    for (let edge = 0; edge < 2000; edge++) {
      latch(SGI);
      expect(take()).toBe(SGI);
    }
  });
});
