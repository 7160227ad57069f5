import { describe, expect, test } from 'vitest';
import { gits } from '../../src/arch/registers.ts';
import { entryAddress, NOT_STORABLE, tableOf } from '../../src/its/table-walk.ts';
import { Board, DEVICE_TABLE, ITT, QUEUE, RAM, RAM_BYTES } from './board.ts';

const VALID = 1n << 63n;
const INDIRECT = 1n << 62n;
const PAGES_64K = 2n << 8n;
const L2 = DEVICE_TABLE + 0x4_0000;

const { memory } = new Board();
const find = (baser: bigint, id: number) => entryAddress(memory, tableOf(baser), id);

describe('a flat table', () => {
  const one = VALID | PAGES_64K | BigInt(DEVICE_TABLE);

  test('has 8192 entries a page', () => {
    expect(find(one, 0)).toBe(DEVICE_TABLE);
    expect(find(one, 8191)).toBe(DEVICE_TABLE + 65_528);
    expect(find(one, 8192)).toBe(NOT_STORABLE);
    expect(find(one | 1n, 8192)).toBe(DEVICE_TABLE + 65_536);
    expect(find(one | 7n, 65_535)).toBe(DEVICE_TABLE + 65_535 * 8);
  });

  test('knows 16 bits of an ID, however large it is', () => {
    expect(find(one | 15n, 65_535)).not.toBe(NOT_STORABLE);
    expect(find(one | 15n, 65_536)).toBe(NOT_STORABLE);
    expect(find(one | 15n, 0xffff_ffff)).toBe(NOT_STORABLE);
  });

  test('has no entry where no memory is, or while it is not valid', () => {
    const end = VALID | PAGES_64K | BigInt(RAM + RAM_BYTES - 0x1_0000) | 1n;
    expect(find(end, 8191)).toBe(RAM + RAM_BYTES - 8);
    expect(find(end, 8192)).toBe(NOT_STORABLE);
    expect(find(one ^ VALID, 0)).toBe(NOT_STORABLE);
    expect(find(VALID | PAGES_64K, 0)).toBe(NOT_STORABLE);
  });

  test('can have smaller pages, where the personality lets them be written', () => {
    const pages4k = VALID | BigInt(DEVICE_TABLE + 0x1000);
    expect(find(pages4k, 511)).toBe(DEVICE_TABLE + 0x1000 + 511 * 8);
    expect(find(pages4k, 512)).toBe(NOT_STORABLE);
    expect(find(pages4k | (1n << 8n), 2047)).toBe(DEVICE_TABLE + 0x1000 + 2047 * 8);
    expect(find(pages4k | (1n << 8n), 2048)).toBe(NOT_STORABLE);
  });

  test('has address bits 51 to 48 in bits 15 to 12, with pages of 64 KiB', () => {
    expect(tableOf(VALID | PAGES_64K | 0x9000n).base).toBe(9 * 2 ** 48);
    expect(tableOf(VALID | 0x9000n).base).toBe(0x9000);
  });
});

describe('a two-level table', () => {
  const two = VALID | INDIRECT | PAGES_64K | BigInt(DEVICE_TABLE);

  test('finds the entry through its first level', () => {
    memory.fill(DEVICE_TABLE, 0x1_0000, 0);
    expect(find(two, 8193)).toBe(NOT_STORABLE);
    memory.setDoubleWord(DEVICE_TABLE + 8, VALID | BigInt(L2) | 0xffffn);
    expect(find(two, 8193)).toBe(L2 + 8);
    expect(find(two, 16_383)).toBe(L2 + 65_528);
    expect(find(two, 8191)).toBe(NOT_STORABLE);
    memory.setDoubleWord(DEVICE_TABLE + 8, BigInt(L2));
    expect(find(two, 8193)).toBe(NOT_STORABLE);
  });

  test('checks both levels against memory', () => {
    memory.setDoubleWord(DEVICE_TABLE, VALID | 0x9000_0000n);
    expect(find(two, 0)).toBe(NOT_STORABLE);
    memory.setDoubleWord(DEVICE_TABLE, VALID | BigInt(RAM + RAM_BYTES - 0x1_0000));
    expect(find(two, 8191)).toBe(RAM + RAM_BYTES - 8);
    expect(find(VALID | INDIRECT | PAGES_64K, 0)).toBe(NOT_STORABLE);
  });

  test('is read by MAPD', () => {
    const board = new Board();
    board.its.write(gits.BASER0, 8, two);
    board.its.write(gits.BASER1, 8, VALID | PAGES_64K | BigInt(DEVICE_TABLE + 0x1_0000));
    board.its.write(gits.CBASER, 8, VALID | BigInt(QUEUE));
    board.its.write(gits.CTLR, 4, 1n);
    board.queueBytes = 4096;
    const mapd = { name: 'MAPD', deviceId: 8193, size: 0, ittAddr: ITT, valid: true } as const;
    expect(board.run(mapd)).toEqual(['E_ITS_MAPD_DEVICE_OOR']);
    board.memory.setDoubleWord(DEVICE_TABLE + 8, VALID | BigInt(L2));
    expect(board.run(mapd)).toEqual([]);
  });
});
