import { beforeEach, describe, expect, test } from 'vitest';
import { CpuInterface, cpuInterfaceRegion } from '../../src/gic/cpu-interface.ts';
import { interruptRegions } from '../../src/gic/interrupt-regions.ts';
import { Interrupts } from '../../src/gic/interrupts.ts';
import { resetInterrupts } from '../../src/gic/reset.ts';
import {
  ACTIVE,
  EDGE,
  ENABLED,
  GROUP1,
  LATCH,
  LINE,
  PRIORITY_SHIFT,
  TARGET_SHIFT,
} from '../../src/gic/state.ts';
import { Layout } from '../../src/memory/layout.ts';

const VCPUS = 2;

function machine() {
  const layout = new Layout();
  const regions = interruptRegions(layout, { vcpus: VCPUS, spis: 64, idBits: 14 });
  const iccs = [0, 1].map((vcpu) => cpuInterfaceRegion(layout, vcpu));
  const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
  const interrupts = new Interrupts(words, regions);
  const cpus = iccs.map((region, vcpu) => new CpuInterface(words, region, vcpu, interrupts));
  interrupts.setForwarding(3);
  resetInterrupts(
    interrupts,
    (intid, vcpu) => GROUP1 | (intid < 8192 ? EDGE : EDGE) | (vcpu << TARGET_SHIFT),
  );
  for (const cpu of cpus) {
    cpu.reset();
    cpu.groupEnable1 = true;
    cpu.priorityMask = 0xf0;
  }
  return { interrupts, cpus };
}

describe('a vCPU takes its pending interrupts', () => {
  let { interrupts, cpus } = machine();
  beforeEach(() => {
    ({ interrupts, cpus } = machine());
  });
  const cpu = (n: number) => {
    const found = cpus[n];
    if (!found) throw new Error('no such cpu');
    return found;
  };
  const enable = (vcpu: number, intid: number, priority = 0xa0) =>
    interrupts.change(interrupts.find(vcpu, intid), intid, 0, ENABLED | (priority << PRIORITY_SHIFT));
  const latch = (vcpu: number, intid: number) => interrupts.latch(interrupts.find(vcpu, intid), intid);

  test('an SPI goes pending, active, inactive', () => {
    enable(0, 40);
    expect(cpu(0).signalled).toBe(false);
    latch(0, 40);
    expect(cpu(0).signalled).toBe(true);
    expect(cpu(0).highestPending).toBe(40);
    expect(cpu(0).acknowledge()).toBe(40);
    expect(interrupts.state(interrupts.find(0, 40)) & (ACTIVE | LATCH)).toBe(ACTIVE);
    expect(cpu(0).runningPriority).toBe(0xa0);
    expect(cpu(0).acknowledge()).toBe(1023);
    cpu(0).endOfInterrupt(40);
    expect(cpu(0).runningPriority).toBe(0xff);
    expect(interrupts.state(interrupts.find(0, 40)) & (ACTIVE | LATCH)).toBe(0);
  });

  test('an edge during the active state is taken after the EOI', () => {
    enable(0, 40);
    latch(0, 40);
    cpu(0).acknowledge();
    latch(0, 40);
    expect(cpu(0).signalled).toBe(false);
    cpu(0).endOfInterrupt(40);
    expect(cpu(0).acknowledge()).toBe(40);
  });

  test('a level line that stays high is delivered again after each EOI, until it falls', () => {
    const at = interrupts.find(0, 41);
    interrupts.change(at, 41, EDGE, ENABLED);
    interrupts.drive(at, 41, true);
    for (let round = 0; round < 3; round++) {
      expect(cpu(0).acknowledge()).toBe(41);
      cpu(0).endOfInterrupt(41);
    }
    interrupts.drive(at, 41, false);
    expect(interrupts.state(at) & LINE).toBe(0);
    expect(cpu(0).acknowledge()).toBe(1023);
  });

  test('a more urgent interrupt preempts, a less urgent one waits, and EOIs unwind in order', () => {
    for (const [intid, priority] of [
      [40, 0xa0],
      [50, 0x40],
      [8200, 0xc0],
    ] as const)
      enable(0, intid, priority);
    latch(0, 40);
    expect(cpu(0).acknowledge()).toBe(40);
    latch(0, 8200);
    expect(cpu(0).acknowledge()).toBe(1023);
    latch(0, 50);
    expect(cpu(0).acknowledge()).toBe(50);
    expect(cpu(0).runningPriority).toBe(0x40);
    cpu(0).endOfInterrupt(50);
    expect(cpu(0).runningPriority).toBe(0xa0);
    cpu(0).endOfInterrupt(40);
    expect(cpu(0).acknowledge()).toBe(8200);
    expect(interrupts.state(interrupts.find(0, 8200)) & ACTIVE).toBe(0);
  });

  test('the vCPU takes the most urgent interrupt first, and among equals the first that became pending', () => {
    for (const intid of [60, 45, 8300, 33]) enable(0, intid);
    enable(0, 61, 0x98);
    for (const intid of [60, 8300, 45, 61, 33]) latch(0, intid);
    const order = [];
    for (let intid = cpu(0).acknowledge(); intid !== 1023; intid = cpu(0).acknowledge()) {
      order.push(intid);
      cpu(0).endOfInterrupt(intid);
    }
    expect(order).toEqual([61, 60, 8300, 45, 33]);
  });

  test('an SPI made active by ISACTIVER has its place on the list from then on', () => {
    for (const intid of [33, 60]) enable(0, intid);
    const at = interrupts.find(0, 60);
    interrupts.change(at, 60, 0, ACTIVE);
    interrupts.listActive(at, 60);
    for (const intid of [33, 60]) latch(0, intid);
    interrupts.deactivate(at, 60);
    expect(cpu(0).acknowledge()).toBe(60);
  });

  test('an inactive SPI has no place on the list before it is pending', () => {
    for (const intid of [33, 60]) enable(0, intid);
    interrupts.listActive(interrupts.find(0, 60), 60);
    for (const intid of [33, 60]) latch(0, intid);
    expect(cpu(0).acknowledge()).toBe(33);
  });

  test('a retargeted interrupt keeps its pending state', () => {
    enable(0, 8200);
    latch(0, 8200);
    interrupts.retarget(interrupts.find(0, 8200), 8200, 1);
    expect(cpu(0).acknowledge()).toBe(1023);
    expect(interrupts.isListed(0, 8200)).toBe(false);
    expect(cpu(1).acknowledge()).toBe(8200);
  });

  test('an interrupt that is latched while disabled is delivered when it is enabled', () => {
    latch(0, 8200);
    expect(cpu(0).acknowledge()).toBe(1023);
    enable(0, 8200);
    expect(cpu(0).acknowledge()).toBe(8200);
  });

  test('another thread sees that a vCPU is signalled, and leaves the list unchanged', () => {
    const both = () => [cpu(0).isCalled, cpu(0).signalled];
    const listed = () => [40, 8200].filter((intid) => interrupts.isListed(0, intid));
    expect(both()).toEqual([false, false]);
    enable(0, 40, 0xe0);
    enable(0, 8200);
    latch(0, 40);
    latch(0, 8200);
    expect(both()).toEqual([true, true]);
    for (const change of ['priorityMask', 'groupEnable1'] as const) {
      const before = cpu(0)[change];
      Object.assign(cpu(0), { [change]: change === 'priorityMask' ? 0xa0 : false });
      expect(both()).toEqual([false, false]);
      Object.assign(cpu(0), { [change]: before });
      expect(both()).toEqual([true, true]);
    }
    interrupts.setForwarding(1);
    expect(both()).toEqual([false, false]);
    interrupts.setForwarding(3);
    // The running priority is that of the LPI: the SPI, less urgent, waits.
    expect(cpu(0).acknowledge()).toBe(8200);
    expect(both()).toEqual([false, false]);
    cpu(0).endOfInterrupt(8200);
    expect(both()).toEqual([true, true]);
    interrupts.retarget(interrupts.find(0, 40), 40, 1);
    expect([cpu(0).isCalled, listed()]).toEqual([false, [40]]);
    expect([cpu(0).signalled, listed()]).toEqual([false, []]);
  });

  test('PMR, IGRPEN1 and GICD_CTLR each keep an interrupt from being signalled', () => {
    enable(0, 40, 0xf0);
    latch(0, 40);
    expect(cpu(0).acknowledge()).toBe(1023);
    expect(cpu(0).highestPending).toBe(40);
    cpu(0).priorityMask = 0xff;
    cpu(0).groupEnable1 = false;
    expect(cpu(0).signalled).toBe(false);
    cpu(0).groupEnable1 = true;
    interrupts.setForwarding(0);
    expect(cpu(0).signalled).toBe(false);
    interrupts.setForwarding(2);
    expect(cpu(0).acknowledge()).toBe(40);
  });

  test('EOImode 1 separates priority drop and deactivation', () => {
    enable(0, 40);
    cpu(0).control = 2;
    latch(0, 40);
    cpu(0).acknowledge();
    cpu(0).endOfInterrupt(40);
    expect(cpu(0).runningPriority).toBe(0xff);
    expect(interrupts.state(interrupts.find(0, 40)) & ACTIVE).toBe(ACTIVE);
    latch(0, 40);
    expect(cpu(0).acknowledge()).toBe(1023);
    cpu(1).control = 2;
    cpu(1).deactivate(40);
    expect(cpu(0).acknowledge()).toBe(40);
  });
});
