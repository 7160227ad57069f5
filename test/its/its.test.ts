import { describe, expect, test } from 'vitest';
import { decodeCommand, encodeCommand, type ItsCommand } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import { MISS } from '../../src/its/events.ts';
import { ITS_DISABLED, LPIS_DISABLED, UNMAPPED } from '../../src/its/translation.ts';
import { Board, ITT } from './board.ts';

const START: readonly ItsCommand[] = [
  { name: 'MAPD', deviceId: 8, size: 4, ittAddr: ITT, valid: true },
  { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
  { name: 'MAPC', collectionId: 1, rdbase: 1, valid: true },
  { name: 'MAPTI', deviceId: 8, eventId: 3, lpi: 8200, collectionId: 0 },
];

function guest(): Board {
  const board = new Board().boot();
  expect(board.run(...START)).toEqual([]);
  return board;
}

describe('an event', () => {
  test('is mapped, signalled, cached, moved, discarded', () => {
    const board = guest();
    expect(board.inject(8, 3)).toBe(1);
    expect(board.inject(8, 3)).toBe('cached');
    expect(board.lpis.targetOf(8200)).toBe(0);
    expect(board.run({ name: 'MOVI', deviceId: 8, eventId: 3, collectionId: 1 })).toEqual([]);
    expect(board.lpis.targetOf(8200)).toBe(1);
    expect(board.inject(8, 3)).toBe(1);
    expect(board.run({ name: 'DISCARD', deviceId: 8, eventId: 3 })).toEqual([]);
    expect(board.inject(8, 3)).toBe(0);
  });

  test('is translated after checks in the order of KVM: ITS, mapping, redistributor', () => {
    const board = guest();
    expect(board.its.translate(8, 3)).toBe(8200);
    board.lpis.off.add(0);
    board.its.invalidate();
    expect(board.its.translate(8, 3)).toBe(LPIS_DISABLED);
    expect(board.its.signal(8, 3)).toBe(-16);
    expect(board.its.translate(8, 4)).toBe(UNMAPPED);
    expect(board.its.signal(8, 4)).toBe(0);
    board.its.write(gits.CTLR, 4, 0n);
    expect(board.its.translate(8, 4)).toBe(ITS_DISABLED);
    expect(board.its.signal(8, 4)).toBe(-16);
    expect(board.lpis.isPending(8200)).toBe(false);
  });

  test('is latched although its LPI is disabled', () => {
    const board = guest();
    board.lpis.config.set(8200, 0xa0);
    board.run({ name: 'INV', deviceId: 8, eventId: 3 });
    expect(board.inject(8, 3)).toBe(1);
    expect(board.lpis.isPending(8200)).toBe(true);
  });
});

describe('removing an event while an injector is between its lookup and its latch', () => {
  const REMOVALS: Record<string, (board: Board) => void> = {
    DISCARD: (board) => board.run({ name: 'DISCARD', deviceId: 8, eventId: 3 }),
    'MAPD V=0': (board) => board.run({ name: 'MAPD', deviceId: 8, size: 0, ittAddr: 0, valid: false }),
    'an invalid device table': (board) => {
      board.its.write(gits.CTLR, 4, 0n);
      board.its.write(gits.BASER0, 8, 0n);
    },
    CTRL_RESET: (board) => board.its.reset(),
  };

  /** The injector's second half runs where the remover waits for it. What it did comes before the LPI ends. */
  function race(remove: (board: Board) => void, waits: boolean): { found: number; latchedLate: boolean } {
    const board = guest();
    board.inject(8, 3);
    board.lpis.clear(8200);
    board.readers.enter(0);
    const found = board.its.lookup(8, 3);
    let left = false;
    const finish = () => {
      if (left) return;
      left = true;
      board.lpis.lpis.get(found)?.mappings === undefined
        ? board.lpis.pendingTable.add('late')
        : board.lpis.latch(found);
      board.readers.leave(0);
    };
    const synchronize = board.readers.synchronize.bind(board.readers);
    board.readers.synchronize = (timeoutMs) => {
      if (!waits) return;
      finish();
      synchronize(timeoutMs);
    };
    remove(board);
    finish();
    return { found, latchedLate: board.lpis.pendingTable.has('late') };
  }

  test.each(Object.entries(REMOVALS))('%s waits for it', (_, remove) => {
    expect(race(remove, true)).toEqual({ found: 8200, latchedLate: false });
    // Companion: without the wait the latch comes when the LPI has ended.
    expect(race(remove, false)).toEqual({ found: 8200, latchedLate: true });
  });

  test('a lookup that begins afterwards misses', () => {
    const board = guest();
    board.inject(8, 3);
    const synchronize = board.readers.synchronize.bind(board.readers);
    let seen: number | undefined;
    board.readers.synchronize = (timeoutMs) => {
      synchronize(timeoutMs);
      board.readers.enter(0);
      seen = board.its.lookup(8, 3);
      board.readers.leave(0);
    };
    board.run({ name: 'DISCARD', deviceId: 8, eventId: 3 });
    expect(seen).toBe(MISS);
  });
});

describe('a command in 32 bytes', () => {
  const commands: readonly ItsCommand[] = [
    { name: 'MAPD', deviceId: 0xffff_fffe, size: 31, ittAddr: 0xf_ffff_ffff_ff00, valid: true },
    { name: 'MAPD', deviceId: 1, size: 0, ittAddr: 0, valid: false },
    { name: 'MAPC', collectionId: 0xffff, rdbase: 0xffff_ffff, valid: true },
    { name: 'MAPC', collectionId: 1, rdbase: 0x1_0002, valid: false },
    { name: 'MAPTI', deviceId: 0x8000_0001, eventId: 0xffff_ffff, lpi: 0x8000_2000, collectionId: 7 },
    { name: 'MAPI', deviceId: 3, eventId: 8192, collectionId: 7 },
    { name: 'MOVI', deviceId: 3, eventId: 4, collectionId: 5 },
    { name: 'INT', deviceId: 3, eventId: 4 },
    { name: 'CLEAR', deviceId: 3, eventId: 4 },
    { name: 'DISCARD', deviceId: 3, eventId: 4 },
    { name: 'INV', deviceId: 3, eventId: 4 },
    { name: 'INVALL', collectionId: 9 },
    { name: 'SYNC', rdbase: 0xabcd_ef01 },
    { name: 'MOVALL', rdbase: 0x8000_0001, rdbase2: 0x7fff_0002 },
  ];

  test.each(commands)('$name is read as it was written', (command) => {
    expect(decodeCommand(encodeCommand(command))).toEqual(command);
  });

  test('has its fields where the architecture puts them', () => {
    const doubles = (command: ItsCommand) => {
      const words = encodeCommand(command).map((word) => BigInt(word >>> 0));
      return [0, 2, 4, 6].map((at) => ((words[at + 1] ?? 0n) << 32n) | (words[at] ?? 0n));
    };
    expect(doubles({ name: 'MAPD', deviceId: 0x1234, size: 4, ittAddr: 0x8_4150_0100, valid: true })).toEqual(
      [0x1234_0000_0008n, 4n, 0x8000_0008_4150_0100n, 0n],
    );
    expect(doubles({ name: 'MAPC', collectionId: 0x21, rdbase: 0x1_0003, valid: true })).toEqual([
      9n,
      0n,
      0x8000_0001_0003_0021n,
      0n,
    ]);
    expect(doubles({ name: 'MAPTI', deviceId: 2, eventId: 5, lpi: 8195, collectionId: 1 })).toEqual([
      0x2_0000_000an,
      0x2003_0000_0005n,
      1n,
      0n,
    ]);
    expect(doubles({ name: 'MOVALL', rdbase: 1, rdbase2: 2 })).toEqual([0xen, 0n, 0x1_0000n, 0x2_0000n]);
  });

  test('with an opcode of GICv4, or none, says nothing', () => {
    for (const opcode of [0x00, 0x02, 0x21, 0x2a, 0x2d, 0xff])
      expect(decodeCommand([opcode, 0, 0, 0, 0, 0, 0, 0])).toBeUndefined();
  });
});
