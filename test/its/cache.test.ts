import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import { MISS } from '../../src/its/events.ts';
import { Board, ITT } from './board.ts';

const device = (deviceId: number, valid = true): ItsCommand => ({
  name: 'MAPD',
  deviceId,
  size: 3,
  ittAddr: ITT + deviceId * 0x1000,
  valid,
});
const collection = (collectionId: number, rdbase: number, valid = true): ItsCommand => ({
  name: 'MAPC',
  collectionId,
  rdbase,
  valid,
});
const event = (deviceId: number, eventId: number, lpi: number, collectionId = 0): ItsCommand => ({
  name: 'MAPTI',
  deviceId,
  eventId,
  lpi,
  collectionId,
});

/** Two devices, event 0 of device 1 cached, and beside it another event to do things to. */
function cached(): Board {
  const board = new Board().boot();
  board.run(device(1), device(2), collection(0, 0), collection(1, 1), event(1, 0, 8192), event(2, 0, 8193));
  expect(lookup(board)).toBe(MISS);
  expect(board.inject(1, 0)).toBe(1);
  expect(lookup(board)).toBe(8192);
  return board;
}

function lookup(board: Board, deviceId = 1, eventId = 0): number {
  board.readers.enter(0);
  const lpi = board.its.lookup(deviceId, eventId);
  board.readers.leave(0);
  return lpi;
}

const EMPTIES: Record<string, (board: Board) => void> = {
  'MOVI, of another event': (board) => board.run({ name: 'MOVI', deviceId: 2, eventId: 0, collectionId: 1 }),
  'DISCARD, of another event': (board) => board.run({ name: 'DISCARD', deviceId: 2, eventId: 0 }),
  'MAPD of a device that is mapped': (board) => board.run(device(2)),
  'MAPD V=0': (board) => board.run(device(2, false)),
  'MAPC V=0': (board) => board.run(collection(1, 1, false)),
  MOVALL: (board) => board.run({ name: 'MOVALL', rdbase: 2, rdbase2: 3 }),
  'disabling the ITS': (board) => {
    board.its.write(gits.CTLR, 4, 0n);
    board.its.write(gits.CTLR, 4, 1n);
  },
  'an invalid device table': (board) => {
    board.its.write(gits.CTLR, 4, 0n);
    board.its.write(gits.BASER0, 8, 0n);
  },
  'disabled LPIs of a redistributor': (board) => board.its.invalidate(),
  CTRL_RESET: (board) => board.its.reset(),
};

const KEEPS: Record<string, (board: Board) => void> = {
  'MAPC to another redistributor': (board) => board.run(collection(0, 2)),
  MAPTI: (board) => board.run(event(2, 1, 8194)),
  'MAPD of a new device': (board) => board.run(device(3)),
  INV: (board) => board.run({ name: 'INV', deviceId: 1, eventId: 0 }),
  INVALL: (board) => board.run({ name: 'INVALL', collectionId: 0 }),
  CLEAR: (board) => board.run({ name: 'CLEAR', deviceId: 1, eventId: 0 }),
  INT: (board) => board.run({ name: 'INT', deviceId: 1, eventId: 0 }),
  SYNC: (board) => board.run({ name: 'SYNC', rdbase: 0 }),
  'MOVALL to itself': (board) => board.run({ name: 'MOVALL', rdbase: 2, rdbase2: 2 }),
  'a MOVI that fails': (board) => board.run({ name: 'MOVI', deviceId: 2, eventId: 0, collectionId: 9 }),
  'a DISCARD that fails': (board) => board.run({ name: 'DISCARD', deviceId: 2, eventId: 9 }),
};

describe('the translation cache', () => {
  test.each(Object.entries(EMPTIES))('is emptied by %s', (_, act) => {
    const board = cached();
    act(board);
    expect(lookup(board)).toBe(MISS);
  });

  test.each(Object.entries(KEEPS))('is kept by %s', (_, act) => {
    const board = cached();
    act(board);
    expect(lookup(board)).toBe(8192);
  });

  test('knows LPIs, not where they go: a hit after MAPC goes to the new vCPU', () => {
    const board = cached();
    board.run(collection(0, 2));
    expect(board.inject(1, 0)).toBe('cached');
    expect(board.lpis.of(8192)).toMatchObject({ target: 2, pending: true });
  });

  test('holds only what passes all checks', () => {
    const board = cached();
    board.lpis.off.add(0);
    board.its.invalidate();
    expect(board.inject(1, 0)).toBe(-16);
    expect(lookup(board)).toBe(MISS);
    expect(board.lpis.isPending(8192)).toBe(true); // from before
    board.lpis.off.delete(0);
    expect(board.inject(1, 0)).toBe(1);
    expect(board.inject(1, 0)).toBe('cached');
  });

  test('a translation whose checks were made before an invalidation is not cached by it', () => {
    const board = cached();
    board.its.invalidate();
    // EnableLPIs becomes 0 between the check of it and the stamp.
    const accepts = board.lpis.accepts.bind(board.lpis);
    board.lpis.accepts = (vcpu) => {
      const accepted = accepts(vcpu);
      board.lpis.off.add(0);
      board.its.invalidate();
      return accepted;
    };
    expect(board.its.translate(1, 0)).toBe(8192);
    board.lpis.accepts = accepts;
    expect(lookup(board)).toBe(MISS);
    expect(board.inject(1, 0)).toBe(-16);
  });

  test('never answers for what cannot be mapped', () => {
    const board = cached();
    for (const [deviceId, eventId] of [
      [1, 1],
      [0, 0],
      [0x1_0001, 0],
      [1, 0x1_0000],
      [0x8000_0001, 0],
      [1, 0xffff_ffff],
      [0xffff_ffff, 0xffff_ffff],
    ] as const) {
      expect(lookup(board, deviceId, eventId)).toBe(MISS);
      expect(board.inject(deviceId, eventId)).toBe(0);
    }
  });

  test('finds each of many events, whatever their keys have in common', () => {
    const board = new Board({ config: { devices: 256, events: 4096, collections: 1 } }).boot();
    board.run(collection(0, 0));
    const keys: [number, number, number][] = [];
    for (let n = 0; n < 256; n++) {
      board.run({ name: 'MAPD', deviceId: n * 24, size: 15, ittAddr: ITT, valid: true });
      for (let m = 0; m < 16; m++) {
        const lpi = 8192 + n * 16 + m;
        board.run(event(n * 24, m * 4096, lpi));
        keys.push([n * 24, m * 4096, lpi]);
      }
    }
    for (const [deviceId, eventId] of keys) expect(board.its.signal(deviceId, eventId)).toBe(1);
    for (const [deviceId, eventId, lpi] of keys) expect(lookup(board, deviceId, eventId)).toBe(lpi);
    expect(lookup(board, 24, 4097)).toBe(MISS);
  });
});
