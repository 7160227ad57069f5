import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import { ITS_PERSONALITIES } from '../../src/its/personality.ts';
import {
  Board,
  type BoardOptions,
  COLLECTION_TABLE,
  DEVICE_TABLE,
  ITT,
  QUEUE,
  RAM,
  RAM_BYTES,
} from './board.ts';

const VALID = 1n << 63n;
const INT: ItsCommand = { name: 'INT', deviceId: 1, eventId: 0 };
const CLEAR: ItsCommand = { name: 'CLEAR', deviceId: 1, eventId: 0 };
const SYNC: ItsCommand = { name: 'SYNC', rdbase: 0 };

/** One page, 128 commands; three of them used. */
function board(options: BoardOptions = {}): Board {
  const made = new Board(options).boot(1);
  made.run(
    { name: 'MAPD', deviceId: 1, size: 3, ittAddr: ITT, valid: true },
    { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
    { name: 'MAPTI', deviceId: 1, eventId: 0, lpi: 8192, collectionId: 0 },
  );
  return made;
}

const qemu = { personality: ITS_PERSONALITIES['qemu-virt'] };

describe('the command queue', () => {
  test('runs a batch in order, and waits until it is told', () => {
    const b = board();
    b.lay(INT, CLEAR, INT);
    expect(b.lpis.isPending(8192)).toBe(false);
    expect(b.read(gits.CREADR)).toBe(0x60n);
    b.kick();
    expect(b.lpis.isPending(8192)).toBe(true);
    expect(b.read(gits.CREADR)).toBe(0xc0n);
  });

  test('wraps at its end', () => {
    const b = board();
    for (let n = 3; n < 126; n++) b.lay(SYNC);
    b.kick();
    expect(b.read(gits.CREADR)).toBe(BigInt(126 * 32));
    expect(b.run(SYNC, INT, CLEAR, INT)).toEqual([]);
    expect(b.read(gits.CREADR)).toBe(0x40n);
    expect(b.lpis.isPending(8192)).toBe(true);
  });

  test('takes 127 commands at once', () => {
    const b = board();
    for (let n = 0; n < 126; n++) b.lay(INT);
    b.lay(CLEAR);
    b.kick();
    expect(b.read(gits.CREADR)).toBe(b.read(gits.CWRITER));
    expect(b.lpis.isPending(8192)).toBe(false);
  });

  test('CWRITER: bits outside the offset are not kept, its halves can be written', () => {
    const b = board();
    b.lay(INT);
    b.its.write(gits.CWRITER, 8, 0xffff_ffff_0000_0081n);
    expect([b.read(gits.CWRITER), b.read(gits.CREADR)]).toEqual([0x80n, 0x80n]);
    b.lay(INT);
    b.its.write(gits.CWRITER + 4, 4, 0n);
    expect(b.read(gits.CREADR)).toBe(0x80n);
    b.its.write(gits.CWRITER, 4, 0xa0n);
    expect(b.read(gits.CREADR)).toBe(0xa0n);
  });

  test('CWRITER past the end: kvm refuses it', () => {
    const b = board();
    for (const offset of [0x1000n, 0xf_ffe0n]) {
      b.its.write(gits.CWRITER, 8, offset);
      expect([b.read(gits.CWRITER), b.read(gits.CREADR)]).toEqual([0x60n, 0x60n]);
    }
    b.its.write(gits.CWRITER, 8, 0xfe0n);
    expect(b.read(gits.CREADR)).toBe(0xfe0n);
  });

  test('CWRITER past the end: qemu-virt keeps it, and does nothing until there is a good one', () => {
    const b = board(qemu);
    b.its.write(gits.CWRITER, 8, 0x1000n);
    expect([b.read(gits.CWRITER), b.read(gits.CREADR)]).toEqual([0x1000n, 0x60n]);
    expect(b.run(INT)).toEqual([]);
    expect(b.read(gits.CREADR)).toBe(0x80n);
  });

  test('waits while the ITS is disabled, and runs when it is enabled', () => {
    const b = board();
    b.its.write(gits.CTLR, 4, 0n);
    b.lay(INT);
    b.kick();
    expect([b.read(gits.CWRITER), b.read(gits.CREADR), b.lpis.isPending(8192)]).toEqual([
      0x80n,
      0x60n,
      false,
    ]);
    b.its.write(gits.CTLR, 4, 1n);
    expect([b.read(gits.CREADR), b.lpis.isPending(8192)]).toEqual([0x80n, true]);
  });

  test('signals are refused while the ITS is disabled; the mappings survive', () => {
    const b = board();
    b.its.write(gits.CTLR, 4, 0n);
    expect(b.inject(1, 0)).toBe(-16);
    b.its.write(gits.CTLR, 4, 1n);
    expect(b.lpis.isPending(8192)).toBe(false);
    expect(b.inject(1, 0)).toBe(1);
  });

  test('can be moved while the ITS is disabled', () => {
    const b = board();
    b.its.write(gits.CTLR, 4, 0n);
    b.its.write(gits.CBASER, 8, VALID | BigInt(QUEUE + 0x1_0000) | 1n);
    b.its.write(gits.CTLR, 4, 1n);
    expect(b.read(gits.CREADR)).toBe(0n);
    b.memory.setDoubleWord(QUEUE + 0x1_0000, 0x1_0000_0003n);
    b.its.write(gits.CWRITER, 8, 0x20n);
    expect(b.lpis.isPending(8192)).toBe(true);
  });
});

describe('a queue whose second half lies outside guest memory', () => {
  const half = (options: BoardOptions) => {
    const b = new Board(options);
    const base = RAM + RAM_BYTES - 0x1_0000;
    b.its.write(gits.BASER0, 8, VALID | 0x200n | BigInt(DEVICE_TABLE));
    b.its.write(gits.BASER1, 8, VALID | 0x200n | BigInt(COLLECTION_TABLE));
    b.its.write(gits.CBASER, 8, VALID | BigInt(base) | 31n);
    b.its.write(gits.CTLR, 4, 1n);
    b.its.write(gits.CWRITER, 8, BigInt(0x1_0000 - 32));
    expect(b.read(gits.CREADR)).toBe(BigInt(0x1_0000 - 32));
    return b;
  };
  const faults = (b: Board) => b.its.errors().find(({ name }) => name === 'EFAULT')?.count ?? 0;

  test('kvm skips the commands that it cannot read', () => {
    const b = half({});
    b.its.write(gits.CWRITER, 8, 0x1_0040n);
    expect(b.read(gits.CREADR)).toBe(0x1_0040n);
    expect(faults(b)).toBe(2);
  });

  test('qemu-virt stalls at the first, and stays stalled until the queue is set up anew', () => {
    const b = half(qemu);
    b.its.write(gits.CWRITER, 8, 0x1_0040n);
    expect(b.read(gits.CREADR)).toBe(0x1_0001n);
    b.its.write(gits.CWRITER, 8, 0x1_0060n);
    expect(b.read(gits.CREADR)).toBe(0x1_0001n);
    expect(faults(b)).toBe(2);
    b.its.write(gits.CTLR, 4, 0n);
    b.its.write(gits.CBASER, 8, VALID | BigInt(QUEUE));
    b.its.write(gits.CWRITER, 8, 0n);
    b.its.write(gits.CTLR, 4, 1n);
    b.its.write(gits.CWRITER, 8, 0x20n);
    expect(b.read(gits.CREADR)).toBe(0x20n);
  });
});
