import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import { ITS_PERSONALITIES } from '../../src/its/personality.ts';
import { Board, COLLECTION_TABLE, DEVICE_TABLE, ITT } from './board.ts';

const VALID = 1n << 63n;
const INDIRECT = 1n << 62n;
const L2 = DEVICE_TABLE + 0x8_0000;
const itt = (deviceId: number) => ITT + (deviceId % 251) * 0x1000;
const mapd = (deviceId: number, bits: number): ItsCommand => ({
  name: 'MAPD',
  deviceId,
  size: bits - 1,
  ittAddr: itt(deviceId),
  valid: true,
});
const mapc = (collectionId: number, rdbase: number, valid = true): ItsCommand => ({
  name: 'MAPC',
  collectionId,
  rdbase,
  valid,
});
const mapti = (deviceId: number, eventId: number, lpi: number, collectionId: number): ItsCommand => ({
  name: 'MAPTI',
  deviceId,
  eventId,
  lpi,
  collectionId,
});

/** Three devices with some events; collection 6 is known, but mapped to no vCPU. */
function guest(options: ConstructorParameters<typeof Board>[0] = {}): Board {
  const board = new Board(options).boot();
  const errors = board.run(
    mapc(5, 2),
    mapc(1, 0),
    mapd(0x20, 4),
    mapd(3, 5),
    mapd(0x1fff, 1),
    mapti(3, 0, 8192, 1),
    mapti(3, 7, 8193, 5),
    mapti(3, 2, 8194, 6),
    mapti(0x20, 15, 8195, 5),
    mapti(0x1fff, 1, 8192, 1),
  );
  expect(errors).toEqual([]);
  return board;
}

/** What a VMM does on the other side: registers, then tables, then gits.CTLR. Memory is the same. */
function arrive(board: Board): string | undefined {
  const saved = [gits.CBASER, gits.CREADR, gits.CWRITER, gits.BASER0, gits.BASER1, gits.CTLR].map((at) =>
    board.its.getRegister(at),
  );
  board.its.reset();
  const [cbaser, creadr, cwriter, baser0, baser1, ctlr] = saved.map((value) => BigInt(value));
  const set = (at: number, value = 0n) => expect(board.its.setRegister(at, value)).toBeUndefined();
  set(gits.CBASER, cbaser);
  set(gits.CREADR, creadr);
  set(gits.CWRITER, cwriter);
  set(gits.BASER0, baser0);
  set(gits.BASER1, baser1);
  const failed = board.its.restoreTables();
  if (!failed) set(gits.CTLR, ctlr);
  return failed;
}

describe('saving', () => {
  test("writes KVM's format, revision 0", () => {
    const board = guest();
    expect(board.its.saveTables()).toBeUndefined();
    const entryAt = (at: number) => BigInt.asUintN(64, board.memory.doubleWord(at));
    const dte = (id: number) => entryAt(DEVICE_TABLE + 8 * id);
    const entry = (next: number, id: number, bits: number) =>
      VALID | (BigInt(next) << 49n) | (BigInt(itt(id) / 256) << 5n) | BigInt(bits - 1);
    expect(dte(3)).toBe(entry(0x1d, 3, 5));
    expect(dte(0x20)).toBe(entry(0x1fdf, 0x20, 4));
    expect(dte(0x1fff)).toBe(entry(0, 0x1fff, 1));
    const ite = (id: number, ev: number) => entryAt(itt(id) + 8 * ev);
    expect(ite(3, 0)).toBe((2n << 48n) | (8192n << 16n) | 1n);
    expect(ite(3, 2)).toBe((5n << 48n) | (8194n << 16n) | 6n);
    expect(ite(3, 7)).toBe((8193n << 16n) | 5n);
    const cte = (n: number) => entryAt(COLLECTION_TABLE + 8 * n);
    expect([0, 1, 2, 3].map(cte)).toEqual([
      VALID | (2n << 16n) | 5n,
      VALID | 1n,
      VALID | (0xffff_ffffn << 16n) | 6n,
      0n,
    ]);
  });

  test('leaves out a table that is not valid', () => {
    const board = guest();
    board.its.write(gits.CTLR, 4, 0n);
    board.its.write(gits.BASER1, 8, 0n);
    board.memory.fill(COLLECTION_TABLE, 64, 0xee);
    expect(board.its.saveTables()).toBeUndefined();
    expect(board.memory.byte(COLLECTION_TABLE)).toBe(0xee);
    expect(board.memory.doubleWord(DEVICE_TABLE + 24)).not.toBe(0n);
  });

  test('EFAULT: an ITT outside memory', () => {
    // KVM's MAPTI refuses such an ITT.
    const board = guest({ personality: ITS_PERSONALITIES['qemu-virt'] });
    board.run({ name: 'MAPD', deviceId: 9, size: 3, ittAddr: 0x9000_0000, valid: true });
    expect(board.its.saveTables()).toBeUndefined(); // no event in it yet
    board.run(mapti(9, 1, 8200, 1));
    expect(board.its.saveTables()).toBe('EFAULT');
  });

  test.each([
    ['kvm-6.1', 'EINVAL'],
    ['kvm-6.12', undefined],
    ['kvm', undefined],
  ] as const)('a device whose table entry is gone: %s says %s', (profile, answer) => {
    const board = new Board({ personality: ITS_PERSONALITIES[profile] });
    board.its.write(gits.BASER0, 8, VALID | INDIRECT | BigInt(DEVICE_TABLE));
    board.memory.setDoubleWord(DEVICE_TABLE, VALID | BigInt(L2));
    board.its.write(gits.BASER1, 8, VALID | BigInt(COLLECTION_TABLE));
    board.its.write(gits.CBASER, 8, VALID | BigInt(0x4030_0000));
    board.its.write(gits.CTLR, 4, 1n);
    board.queueBytes = 4096;
    board.run(mapd(3, 4));
    expect(board.its.saveTables()).toBeUndefined();
    board.memory.setDoubleWord(DEVICE_TABLE, 0n);
    expect(board.its.saveTables()).toBe(answer);
  });
});

describe('saving, wiping and restoring', () => {
  test('gives the same mappings', () => {
    const board = guest();
    const before = board.its.mappings();
    const targets = [8192, 8193, 8194, 8195].map((lpi) => board.lpis.targetOf(lpi));
    expect(board.its.saveTables()).toBeUndefined();
    expect(arrive(board)).toBeUndefined();
    expect(board.its.mappings()).toEqual(before);
    expect([8192, 8193, 8194, 8195].map((lpi) => board.lpis.targetOf(lpi))).toEqual(targets);
    expect(board.lpis.of(8192).mappings).toBe(2);
    expect(board.inject(3, 7)).toBe(1);
    expect(board.run(mapc(6, 3))).toEqual([]);
    expect(board.inject(3, 2)).toBe(1);
  });

  test('the ITS is wiped between saving and restoring', () => {
    const board = guest();
    board.its.reset();
    expect(board.its.mappings()).toEqual([]);
    expect(board.lpis.lpis.size).toBe(0);
    expect(board.its.enabled).toBe(false);
    expect([gits.CBASER, gits.CREADR, gits.CWRITER].map((at) => board.read(at))).toEqual([0n, 0n, 0n]);
    expect(board.read(gits.BASER0)).toBe(0x1907_0000_0000_0200n | BigInt(DEVICE_TABLE));
  });

  test('takes pending bits over from the tables', () => {
    const board = guest();
    board.its.saveTables();
    board.lpis.pendingTable.add('2:8193');
    expect(arrive(board)).toBeUndefined();
    expect(board.lpis.isPending(8193)).toBe(true);
    expect(board.lpis.isPending(8192)).toBe(false);
    expect(board.lpis.pendingTable.size).toBe(0);
  });

  test('works through a two-level table, across an empty page', () => {
    const board = new Board();
    board.memory.setDoubleWord(DEVICE_TABLE, VALID | BigInt(L2));
    board.memory.setDoubleWord(DEVICE_TABLE + 24, VALID | BigInt(L2 + 0x1_0000));
    board.its.write(gits.BASER0, 8, VALID | INDIRECT | BigInt(DEVICE_TABLE));
    board.its.write(gits.BASER1, 8, VALID | BigInt(COLLECTION_TABLE));
    board.its.write(gits.CBASER, 8, VALID | BigInt(0x4030_0000));
    board.its.write(gits.CTLR, 4, 1n);
    board.queueBytes = 4096;
    const events = [3, 8191, 24_576 + 17, 32_767].map((id, n) => mapti(id, n, 8192 + n, 1));
    const devices = [3, 8191, 24_576 + 17, 32_767].map((id) => mapd(id, 2));
    expect(board.run(mapc(1, 1), ...devices, ...events)).toEqual([]);
    const before = board.its.mappings();
    expect(before).toHaveLength(4);
    board.its.saveTables();
    expect(arrive(board)).toBeUndefined();
    expect(board.its.mappings()).toEqual(before);
  });

  test('an event that lost its collection is not restored into a later one of that number', () => {
    const board = guest();
    board.its.saveTables();
    board.run(mapc(1, 0, false), mapc(1, 0));
    expect(board.its.mappings().find(({ lpi }) => lpi === 8192)).toMatchObject({ vcpu: -1 });
    board.its.saveTables();
    expect(arrive(board)).toBeUndefined();
    expect(board.its.mappings().map(({ lpi }) => lpi)).toEqual([8194, 8193, 8195]);
  });

  test('a discarded event does not come back', () => {
    const board = guest();
    board.its.saveTables();
    board.run({ name: 'DISCARD', deviceId: 3, eventId: 0 });
    board.its.saveTables();
    expect(arrive(board)).toBeUndefined();
    expect(board.its.mappings().map(({ lpi }) => lpi)).toEqual([8194, 8193, 8195, 8192]);
  });
});

describe('restoring refuses', () => {
  const ITE = itt(3);
  const DTE = DEVICE_TABLE + 24;
  const damages: readonly [what: string, errno: string, damage: (board: Board) => void][] = [
    ['a collection twice', 'EEXIST', (b) => b.memory.setDoubleWord(COLLECTION_TABLE + 8, VALID | 5n)],
    [
      'a vCPU that is not there',
      'EINVAL',
      (b) => b.memory.setDoubleWord(COLLECTION_TABLE, VALID | (4n << 16n) | 5n),
    ],
    ['a collection past the table', 'EINVAL', (b) => b.memory.setDoubleWord(COLLECTION_TABLE, VALID | 8192n)],
    [
      'an INTID that is no LPI',
      'EINVAL',
      (b) => b.memory.setDoubleWord(ITE, (2n << 48n) | (8191n << 16n) | 1n),
    ],
    [
      'an LPI past 16 bits',
      'EINVAL',
      (b) => b.memory.setDoubleWord(ITE, (2n << 48n) | (65_536n << 16n) | 1n),
    ],
    [
      'a distance with its top bit set',
      'EINVAL',
      (b) => b.memory.setDoubleWord(ITE, (0x8002n << 48n) | (8192n << 16n) | 1n),
    ],
    [
      'a next event past the last',
      'EINVAL',
      (b) => b.memory.setDoubleWord(ITE, (32n << 48n) | (8192n << 16n) | 1n),
    ],
    [
      'a collection that is not there',
      'EINVAL',
      (b) => b.memory.setDoubleWord(ITE, (2n << 48n) | (8192n << 16n) | 77n),
    ],
    ['17 EventID bits', 'EINVAL', (b) => b.memory.setDoubleWord(DTE, VALID | 16n)],
    [
      'an ITT outside memory',
      'EFAULT',
      (b) => b.memory.setDoubleWord(DTE, VALID | ((0x9000_0000n >> 8n) << 5n) | 4n),
    ],
    ['an LPI without configuration', 'EFAULT', (b) => b.lpis.config.set(8195, undefined)],
  ];

  test.each(damages)('%s: %s, and leaves nothing mapped', (_, errno, damage) => {
    const board = guest();
    expect(board.its.saveTables()).toBeUndefined();
    damage(board);
    expect(arrive(board)).toBe(errno);
    expect(board.its.mappings()).toEqual([]);
    expect(board.lpis.lpis.size).toBe(0);
    board.its.write(gits.CTLR, 4, 1n);
    expect(board.run({ name: 'INVALL', collectionId: 5 })).toEqual(['E_ITS_INVALL_UNMAPPED_COLLECTION']);
  });

  test('a device or an event that is mapped already: EEXIST', () => {
    const board = guest();
    board.its.saveTables();
    board.memory.fill(COLLECTION_TABLE, 64, 0);
    expect(board.its.restoreTables()).toBe('EEXIST');
  });

  test('a table without room for its entries: ENOMEM', () => {
    const board = guest();
    board.its.saveTables();
    const small = new Board({ config: { devices: 2, events: 8, collections: 16 } }).boot();
    const copy = (at: number, bytes: number) => small.memory.write(at, board.memory.read(at, bytes));
    for (const at of [DEVICE_TABLE, COLLECTION_TABLE]) copy(at, 0x1_0000);
    copy(ITT, 0x10_0000);
    expect(small.its.restoreTables()).toBe('ENOMEM');
    expect(small.its.mappings()).toEqual([]);
  });

  test('a wrong distance loses entries, silently', () => {
    const board = guest();
    board.its.saveTables();
    board.memory.setDoubleWord(ITE, (7n << 48n) | (8192n << 16n) | 1n);
    expect(arrive(board)).toBeUndefined();
    expect(board.its.mappings().some(({ lpi }) => lpi === 8194)).toBe(false);
  });
});
