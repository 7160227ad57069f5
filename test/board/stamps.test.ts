import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG, decodeConfig, encodeConfig } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { StampedInterrupts, StampedVcpu, stampKey } from '../../src/board/stamps.ts';
import { GicDriver } from '../../src/guest/gic-driver.ts';
import { STAGE } from '../../src/measure/event-ring.ts';

const PIN = 5;
const INTID = 32 + PIN;

/** A machine with one vCPU, and an irqfd on an edge-triggered SPI. */
function makeMachine(stamps: number): Machine {
  const machine = Machine.create({ ...DEFAULT_CONFIG, ...(stamps > 0 ? { stamps } : {}) });
  machine.bus.write(machine.config.gicdBase, 4, 0x12n);
  new GicDriver(machine.bus, machine.config).enableSpi(INTID, { edge: true, vcpu: 0 });
  machine.vm.assignIrqFd(0, PIN);
  return machine;
}

/** Takes what is pending on vCPU 0, in this thread. Returns the INTIDs. */
function serve(machine: Machine): number[] {
  const vcpu = machine.vcpu(0);
  vcpu.cpu.priorityMask = 0xf0;
  vcpu.cpu.groupEnable1 = true;
  const taken: number[] = [];
  vcpu.run({ interrupt: (intid) => taken.push(intid), finished: () => true });
  return taken;
}

const stagesOf = (machine: Machine) => machine.stamps?.ringOf(0).readFrom(0).events ?? [];

describe('stamps of a machine', () => {
  test('follow an interrupt through its stages, in the order of time', () => {
    const machine = makeMachine(64);
    if (machine.stamps) machine.stamps.on = true;
    machine.vm.irqfds.write(0);
    expect(serve(machine)).toEqual([INTID]);
    const events = stagesOf(machine);
    expect(events.every(({ source }) => source === INTID)).toBe(true);
    const { routed, pending, woken, acknowledged, handled, ended } = STAGE;
    const byTime = [...events].sort((a, b) => a.ns - b.ns || a.kind - b.kind).map(({ kind }) => kind);
    expect(byTime).toEqual([routed, pending, woken, acknowledged, handled, ended]);
  });

  test('while they are off, only say when the handler began', () => {
    const machine = makeMachine(64);
    machine.vm.irqfds.write(0);
    expect(serve(machine)).toEqual([INTID]);
    expect(stagesOf(machine).map(({ kind }) => kind)).toEqual([STAGE.acknowledged]);
  });

  test('of an SGI have the vCPU in their name, for each vCPU has one of that number', () => {
    expect(stampKey(3, 1)).not.toBe(stampKey(2, 1));
    expect(stampKey(3, INTID)).toBe(stampKey(2, INTID));
  });

  test('leave no trace on a machine without them', () => {
    const [without, with64] = [makeMachine(0), makeMachine(64)];
    expect(without.stamps).toBeUndefined();
    expect(without.gic.interrupts).not.toBeInstanceOf(StampedInterrupts);
    expect(without.vcpu(0)).not.toBeInstanceOf(StampedVcpu);
    expect(with64.gic.interrupts).toBeInstanceOf(StampedInterrupts);
    expect(with64.vcpu(0)).toBeInstanceOf(StampedVcpu);
    without.vm.irqfds.write(0);
    expect(serve(without)).toEqual([INTID]);
  });

  test('are part of the configuration, which refuses what cannot be', () => {
    const config = { ...DEFAULT_CONFIG, stamps: 128 };
    expect(decodeConfig(encodeConfig(config))).toEqual(config);
    expect(decodeConfig(encodeConfig(DEFAULT_CONFIG))).toEqual(DEFAULT_CONFIG);
    for (const wrong of [{ stamps: 100 }, { stamps: 2 ** 25 }, { stamps: 64, fault: 'double' as const }])
      expect(() => Machine.create({ ...DEFAULT_CONFIG, ...wrong })).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG' }),
      );
  });
});
