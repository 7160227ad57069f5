import { describe, expect, test } from 'vitest';
import { gicd } from '../../src/arch/registers.ts';
import { makeRig, type Rig, turnOn } from './rig.ts';

const SPI = 40;

/** SPI 40 level-triggered and SPI 41 edge-triggered, both enabled; 40 is watched. */
function ready(): Rig {
  const rig = makeRig();
  turnOn(rig);
  rig.gic.distributor.write(gicd.ICFGR + 8, 4, 0b10n << 18n);
  rig.gic.distributor.write(gicd.ISENABLER + 4, 4, 0x300n);
  rig.gic.interrupts.acks.watch(SPI);
  return rig;
}

const takeAll = ({ gic }: Rig) => {
  const taken: number[] = [];
  for (let intid = gic.interrupts.acks.take(); intid >= 0; intid = gic.interrupts.acks.take())
    taken.push(intid);
  return taken;
};

describe('the end of a watched level-triggered SPI', () => {
  test('a vCPU notes the end of a watched SPI once, and one caller takes the note', () => {
    const rig = ready();
    const { acks } = rig.gic.interrupts;
    const cpu = rig.gic.cpuInterface(0);
    rig.gic.wires.drive(SPI, true);
    cpu.acknowledge();
    expect(acks.any).toBe(false);
    cpu.endOfInterrupt(SPI);
    expect(acks.any).toBe(true);
    expect(takeAll(rig)).toEqual([SPI]);
    expect([acks.any, takeAll(rig)]).toEqual([false, []]);
  });

  test('in EOImode 1, DIR notes the end of a watched SPI, and EOIR does not', () => {
    const rig = ready();
    const cpu = rig.gic.cpuInterface(0);
    cpu.control = 2;
    rig.gic.wires.drive(SPI, true);
    cpu.acknowledge();
    cpu.endOfInterrupt(SPI);
    expect(takeAll(rig)).toEqual([]);
    cpu.deactivate(SPI);
    expect(takeAll(rig)).toEqual([SPI]);
  });

  test('no note for an unwatched SPI, an edge-triggered one, an inactive one, or a write to ICACTIVER', () => {
    const rig = ready();
    const { acks } = rig.gic.interrupts;
    const cpu = rig.gic.cpuInterface(0);
    acks.watch(41);
    rig.gic.wires.drive(41, true);
    cpu.acknowledge();
    cpu.endOfInterrupt(41);
    cpu.endOfInterrupt(SPI);
    rig.gic.wires.drive(SPI, true);
    cpu.acknowledge();
    rig.gic.distributor.write(gicd.ICACTIVER + 4, 4, 0x100n);
    expect(takeAll(rig)).toEqual([]);
    acks.unwatch(SPI);
    cpu.endOfInterrupt(SPI);
    cpu.acknowledge();
    cpu.endOfInterrupt(SPI);
    expect(takeAll(rig)).toEqual([]);
    // Watched again, the same is noted.
    acks.watch(SPI);
    cpu.acknowledge();
    cpu.endOfInterrupt(SPI);
    expect(takeAll(rig)).toEqual([SPI]);
  });

  test('take returns the notes of several SPIs, one a call', () => {
    const rig = makeRig();
    const { acks } = rig.gic.interrupts;
    for (const intid of [95, 32, 64]) {
      acks.watch(intid);
      acks.note(intid);
      acks.note(intid);
    }
    expect(takeAll(rig)).toEqual([32, 64, 95]);
  });
});
