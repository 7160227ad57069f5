import { expect, test } from 'vitest';
import { COMMAND_NAMES, type Packet } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import { ITS_PERSONALITIES } from '../../src/its/personality.ts';
import { Board, COLLECTION_TABLE, DEVICE_TABLE, ITT, QUEUE } from './board.ts';

/** Or as many as one likes: `IRQLOOM_GARBAGE=10000000 npx vitest run test/its/garbage`. */
const COMMANDS = Number(process.env.IRQLOOM_GARBAGE ?? 1_000_000);
const OPCODES = [...COMMAND_NAMES.keys()];

/** Xorshift: the same commands in every run, and fast. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}

/** 32 random bytes, of which some have a real opcode, and some of those small numbers, which are more often mapped. */
function garbage(next: () => number): Packet {
  const packet: Packet = [next(), next(), next(), next(), next(), next(), next(), next()];
  const kind = next() & 15;
  if (kind === 0) return packet;
  const opcode = OPCODES[(next() >>> 1) % OPCODES.length] ?? 0;
  if (kind < 4) return [(packet[0] & ~0xff) | opcode, ...rest(packet)];
  // ITTs all over the memory, the tables and the queue included.
  const low = opcode === 0x08 ? 0x4000_0000 | (next() & 0xff_ffff) : (next() & 7) | ((next() & 7) << 16);
  const high = (next() & 1) << 31;
  return [opcode, next() & 15, next() & 15, 8190 + (next() & 31), low, high, (next() & 7) << 16, 0];
}

function rest([, a, b, c, d, e, f, g]: Packet): [number, number, number, number, number, number, number] {
  return [a, b, c, d, e, f, g];
}

test.each(Object.entries(ITS_PERSONALITIES))(
  `random commands do no harm to %s`,
  (name, personality) => {
    const commands = name === 'kvm' ? COMMANDS : COMMANDS / 5;
    const board = new Board({ personality, config: { devices: 12, events: 48, collections: 6 } }).boot();
    const next = random(20_150_618);
    for (let done = 0; done < commands; done += 1000) {
      for (let n = 0; n < 1000; n++) board.lay(garbage(next));
      board.kick();
      expect(board.read(gits.CREADR)).toBe(BigInt(board.tail));
      board.inject(next() & 15, next() & 15);
    }
    // It was not all refused, nor all taken, and what it kept is of one piece.
    const failed = board.its.errors().reduce((sum, { count }) => sum + count, 0);
    expect(failed).toBeGreaterThan(commands / 10);
    expect(failed).toBeLessThan(commands);
    const kinds = new Set(board.its.errors().map(({ name }) => name));
    for (const name of ['ENODEV', 'ENOMEM', 'E_ITS_MAPTI_ID_OOR', 'E_ITS_MOVI_UNMAPPED_COLLECTION'] as const)
      expect(kinds).toContain(name);
    const mappings = board.its.mappings();
    const mapped = new Map<number, number>();
    for (const { lpi } of mappings) mapped.set(lpi, (mapped.get(lpi) ?? 0) + 1);
    expect([...board.lpis.lpis].map(([lpi, { mappings: count }]) => [lpi, count]).sort()).toEqual(
      [...mapped].sort(),
    );
    // Everything is given back, and can be used again.
    board.its.reset();
    expect(board.lpis.lpis.size).toBe(0);
    board.boot();
    const devices = Array.from({ length: 12 }, (_, deviceId) => deviceId);
    const fresh = board.run(
      ...[0, 1, 2, 3, 4, 5].map((n) => ({ name: 'MAPC', collectionId: n, rdbase: 0, valid: true }) as const),
      ...devices.map(
        (n) => ({ name: 'MAPD', deviceId: n, size: 1, ittAddr: 0x4040_0000, valid: true }) as const,
      ),
      ...devices.flatMap((n) =>
        [0, 1, 2, 3].map(
          (e) =>
            ({ name: 'MAPTI', deviceId: n, eventId: e, lpi: 8192 + 4 * n + e, collectionId: 0 }) as const,
        ),
      ),
    );
    expect(fresh).toEqual([]);
    expect(board.its.mappings()).toHaveLength(48);
  },
  60_000,
);

test('random commands do no harm where queue, tables and ITTs are one memory', () => {
  const board = new Board({ config: { devices: 12, events: 48, collections: 6 } });
  const valid = 1n << 63n;
  board.its.write(gits.BASER0, 8, valid | BigInt(QUEUE));
  board.its.write(gits.BASER1, 8, valid | BigInt(QUEUE));
  board.its.write(gits.CBASER, 8, valid | BigInt(QUEUE) | 1n);
  board.its.write(gits.CTLR, 4, 1n);
  board.queueBytes = 8192;
  const next = random(3);
  for (let done = 0; done < 20_000; done += 100) {
    for (let n = 0; n < 100; n++) {
      const [opcode, a, b, c, , ...above] = garbage(next);
      board.lay([opcode, a, b, c, QUEUE | (next() & 0x1fff), ...above]);
    }
    board.kick();
    expect(board.read(gits.CREADR)).toBe(BigInt(board.tail));
    // Saving writes over the queue; restoring reads what commands have left there.
    board.its.saveTables();
    board.its.restoreTables();
  }
});

test('tables full of random entries are restored or refused, and never half', () => {
  const board = new Board({ config: { devices: 8, events: 64, collections: 8 } });
  const valid = 1n << 63n;
  const next = random(11);
  const small = (bits: number) => BigInt(next() & (2 ** bits - 1));
  const outcomes = new Map<string, number>();
  for (let round = 0; round < 3000; round++) {
    board.its.reset();
    board.its.write(gits.BASER0, 8, valid | BigInt(DEVICE_TABLE));
    board.its.write(gits.BASER1, 8, valid | BigInt(COLLECTION_TABLE));
    const damaged = (entry: bigint) => ((next() & 63) === 0 ? entry ^ (1n << BigInt(next() & 63)) : entry);
    for (let n = 0; n < 3; n++) {
      const target = (next() & 7) === 0 ? 0xffff_ffffn : small(2);
      board.memory.setDoubleWord(COLLECTION_TABLE + 8 * n, damaged(valid | (target << 16n) | BigInt(n)));
    }
    board.memory.setDoubleWord(COLLECTION_TABLE + 24, 0n);
    board.memory.fill(DEVICE_TABLE, 128, 0);
    for (let id = 0, step = 0; id < 12; id += step) {
      step = 1 + (next() & 3);
      const entry = valid | (BigInt(step) << 49n) | (BigInt(ITT / 256 + id) << 5n) | 2n;
      board.memory.setDoubleWord(DEVICE_TABLE + 8 * id, damaged(entry));
      for (let event = 0; event < 8; event++) {
        const used = (next() & 1) === 0;
        const ite = ((event < 7 ? 1n : 0n) << 48n) | ((8192n + small(4)) << 16n) | (small(1) + small(1));
        board.memory.setDoubleWord(ITT + 256 * id + 8 * event, used ? damaged(ite) : 0n);
      }
    }
    const outcome = board.its.restoreTables() ?? 'restored';
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const counts = new Map<number, number>();
    for (const { lpi } of board.its.mappings()) counts.set(lpi, (counts.get(lpi) ?? 0) + 1);
    if (outcome !== 'restored') expect(counts.size).toBe(0);
    expect(board.lpis.lpis.size).toBe(counts.size);
    for (const [lpi, count] of counts) expect(board.lpis.of(lpi).mappings).toBe(count);
  }
  expect(Math.min(...['restored', 'EINVAL', 'EEXIST'].map((o) => outcomes.get(o) ?? 0))).toBeGreaterThan(0);
});

test('random register writes do no harm', () => {
  const board = new Board().boot();
  const next = random(7);
  const offsets = [
    0, 4, 8, 12, 0x80, 0x84, 0x88, 0x8c, 0x90, 0x94, 0x100, 0x104, 0x108, 0x10c, 0x110, 0x1_0040,
  ];
  for (let n = 0; n < 10_000; n++) {
    const offset = offsets[(next() >>> 1) % offsets.length] ?? 0;
    const wide = offset % 8 === 0 && (next() & 1) === 0;
    const value = (BigInt(next() >>> 0) << 32n) | BigInt(next() >>> 0);
    board.its.write(offset, wide ? 8 : 4, wide ? value : value & 0xffff_ffffn);
    const creadr = board.read(gits.CREADR);
    expect(creadr % 32n).toBe(0n);
    expect(creadr).toBeLessThan(0x10_0000n);
    board.inject(next() & 3, next() & 3);
  }
  board.its.write(gits.CTLR, 4, 0n);
  board.boot();
  expect(board.run({ name: 'SYNC', rdbase: 0 })).toEqual([]);
  expect(board.read(gits.CWRITER)).toBe(0x20n);
  expect(board.memory.has(QUEUE, 32)).toBe(true);
});
