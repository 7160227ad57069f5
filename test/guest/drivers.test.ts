import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { gicd, gits, wordOf } from '../../src/arch/registers.ts';
import { createBoard } from '../../src/board/board.ts';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { itsFrame } from '../../src/board/frames.ts';
import { Machine } from '../../src/board/machine.ts';
import { migrate } from '../../src/board/migration.ts';
import { GicDriver } from '../../src/guest/gic-driver.ts';
import { ItsDriver, setUpIts } from '../../src/guest/its-driver.ts';
import { itsOf } from '../../src/guest/its-drivers.ts';
import { bootSynthetic, syntheticConfig, syntheticSources } from '../../src/guest/topology.ts';
import { MSI_VALID_DEVID } from '../../src/kvm/route.ts';

const RAM = 0x4000_0000;
const TABLES = { deviceTable: RAM, collectionTable: RAM + 0x1_0000, queue: RAM + 0x2_0000 };
/** A queue of one page holds 128 commands, one of which stays free. */
const SLOTS = 128;

function guest() {
  const board = createBoard(DEFAULT_CONFIG);
  const { bus, memory, config } = board;
  setUpIts(bus, config.itsBase, { ...TABLES, queuePages: 1 });
  return { board, its: new ItsDriver(bus, memory, config.itsBase), gic: new GicDriver(bus, config) };
}

const mapc = (collectionId: number): ItsCommand => ({ name: 'MAPC', collectionId, rdbase: 0, valid: true });
const pointer = (board: ReturnType<typeof guest>['board'], register: number) =>
  Number(board.bus.read(board.config.itsBase + register, 8));

describe("the guest's driver of an ITS", () => {
  test.each([1, SLOTS - 1, SLOTS, 3 * SLOTS + 5])(
    'sends %i commands through a queue of 128 slots',
    (many) => {
      const { board, its } = guest();
      its.sendAll(Array.from({ length: many }, (_, command) => mapc(command % 16)));
      expect(pointer(board, gits.CWRITER)).toBe((many % SLOTS) * 32);
      expect(pointer(board, gits.CREADR)).toBe((many % SLOTS) * 32);
      expect(board.itses[0]?.errors()).toEqual([]);
    },
  );

  test('no command at all moves nothing', () => {
    const { board, its } = guest();
    its.send();
    expect(pointer(board, gits.CWRITER)).toBe(0);
  });

  test('an ITS that does not carry a command out is an error that says how far the ITS came', () => {
    const { board, its } = guest();
    board.bus.write(board.config.itsBase + gits.CTLR, 4, 0n);
    expect(() => its.send(mapc(0))).toThrow(/stopped at offset 0 of its command queue, short of 32/);
  });
});

describe('a synthetic guest of several ITSes', () => {
  const topology = { vcpus: 2, devices: 5, events: 3, spis: 0, itses: 3 };

  function booted() {
    const config = syntheticConfig(topology);
    const machine = Machine.create(config);
    const sources = syntheticSources(topology, config.spis);
    bootSynthetic(machine, topology, sources);
    return { machine, config, sources };
  }

  test('maps each device, with its events, in the ITS of the device', () => {
    const { machine, config } = booted();
    const mapped = machine.itses.map((its) => its.devices().map(({ deviceId }) => itsOf(deviceId, config)));
    expect(mapped.map(({ length }) => length).toSorted()).toEqual([1, 2, 2]);
    for (const [its, devices] of mapped.entries()) expect(new Set(devices)).toEqual(new Set([its]));
    for (const its of machine.itses) {
      expect(its.errors()).toEqual([]);
      expect(its.mappings().length).toBeGreaterThan(0);
    }
  });

  test('is signalled by the doorbell of that ITS, and by no other', () => {
    const { machine, config, sources } = booted();
    for (const source of sources) {
      const { deviceId, eventId, intid } = source;
      const send = (its: number) =>
        machine.vm.signalMsi({
          address: itsFrame(config, its) + gits.TRANSLATER,
          data: eventId,
          flags: MSI_VALID_DEVID,
          deviceId,
        });
      expect(send((itsOf(deviceId, config) + 1) % 3)).toBe(0);
      expect(machine.gic.lpis.isPending(intid)).toBe(false);
      expect(send(itsOf(deviceId, config))).toBe(1);
      expect(machine.gic.lpis.isPending(intid)).toBe(true);
    }
  });

  test('has the same mappings and pending LPIs after a migration', () => {
    const { machine, sources } = booted();
    for (const { intid } of sources.filter((_, index) => index % 2 === 0)) machine.gic.lpis.latch(intid);
    const moved = migrate(machine);
    const mappings = (of: Machine) => of.itses.map((its) => its.mappings());
    expect(mappings(moved)).toEqual(mappings(machine));
    expect(mappings(moved).map(({ length }) => length)).not.toContain(0);
    for (const [index, { intid }] of sources.entries())
      expect(moved.gic.lpis.isPending(intid)).toBe(index % 2 === 0);
  });
});

describe("the guest's driver of the GIC", () => {
  test('an SPI that the driver enables is in group 1, enabled, targeted, and has the trigger asked for', () => {
    const { board, gic } = guest();
    const read = (register: number, bits: 1 | 2 = 1) =>
      Number(board.bus.read(board.config.gicdBase + wordOf(register, 37, bits), 4));
    board.bus.write(board.config.gicdBase + wordOf(gicd.IGROUPR, 37), 4, 0n);
    gic.enableSpi(37, { edge: true, vcpu: 0 });
    expect(read(gicd.IGROUPR)).toBe(1 << 5);
    expect(read(gicd.ISENABLER)).toBe(1 << 5);
    expect((read(gicd.ICFGR, 2) >>> 10) & 3).toBe(2);
    gic.enableSpi(37, { edge: false, vcpu: 0 });
    expect((read(gicd.ICFGR, 2) >>> 10) & 3).toBe(0);
  });
});
