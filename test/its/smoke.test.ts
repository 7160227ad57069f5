import { expect, test } from 'vitest';
import { Board, ITT } from './board.ts';

test('an event is mapped, signalled, cached, moved, discarded', () => {
  const board = new Board().boot();
  expect(
    board.run(
      { name: 'MAPD', deviceId: 8, size: 4, ittAddr: ITT, valid: true },
      { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
      { name: 'MAPC', collectionId: 1, rdbase: 1, valid: true },
      { name: 'MAPTI', deviceId: 8, eventId: 3, lpi: 8200, collectionId: 0 },
      { name: 'SYNC', rdbase: 0 },
    ),
  ).toEqual([]);
  expect(board.inject(8, 3)).toBe(1);
  expect(board.inject(8, 3)).toBe('cached');
  expect(board.lpis.targetOf(8200)).toBe(0);
  expect(board.run({ name: 'MOVI', deviceId: 8, eventId: 3, collectionId: 1 })).toEqual([]);
  expect(board.lpis.targetOf(8200)).toBe(1);
  expect(board.inject(8, 3)).toBe(1);
  expect(board.run({ name: 'DISCARD', deviceId: 8, eventId: 3 })).toEqual([]);
  expect(board.inject(8, 3)).toBe(0);
  expect(board.run({ name: 'DISCARD', deviceId: 8, eventId: 3 })).toEqual([
    'E_ITS_DISCARD_UNMAPPED_INTERRUPT',
  ]);
});
