import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { gicd, gits, wordOf } from '../../src/arch/registers.ts';
import { createBoard } from '../../src/board/board.ts';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { GicDriver } from '../../src/guest/gic-driver.ts';
import { ItsDriver, setUpIts } from '../../src/guest/its-driver.ts';

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
