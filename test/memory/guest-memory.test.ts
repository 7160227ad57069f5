import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as guest from '../../src/memory/guest-memory.ts';
import { Layout } from '../../src/memory/layout.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof guest;
const HIGH = 2 ** 40;
const SLOTS = [
  { base: 0x4000_0000, bytes: 0x1000 },
  { base: HIGH, bytes: 0x2000 },
];

const mutated = (mistake: MistakeName) =>
  loadMutated<{ m: Module }>({ m: 'memory/guest-memory.ts' }, mistake).m;

function make({ GuestMemory, guestMemoryRegion }: Module = guest, slots = SLOTS) {
  const layout = new Layout();
  layout.region('before', 1);
  const region = guestMemoryRegion(layout, slots);
  layout.region('after', 1);
  // A view that does not begin where its buffer does.
  const words = new Int32Array(new SharedArrayBuffer(64 + layout.words * 4), 64);
  return { words, region, memory: new GuestMemory(words, region, slots) };
}

describe('guest memory', () => {
  test('says which runs of bytes lie in one slot', () => {
    const { memory } = make();
    expect(memory.slots).toBe(SLOTS);
    expect([
      memory.has(0x4000_0000, 0x1000),
      memory.has(0x4000_0ff8, 8),
      memory.has(HIGH + 0x1fff, 1),
    ]).toEqual([true, true, true]);
    for (const [address, bytes] of [
      [0x3fff_ffff, 1],
      [0x4000_0fff, 2],
      [0x4000_1000, 1],
      [HIGH - 1, 2],
      [HIGH + 0x2000, 1],
      [0, 1],
    ] as const)
      expect(memory.has(address, bytes)).toBe(false);
  });

  test('is little endian, in bytes, words and double words alike', () => {
    const { memory } = make();
    memory.setDoubleWord(HIGH, 0x8877_6655_4433_2211n);
    expect(Array.from(memory.read(HIGH, 8))).toEqual([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
    expect(memory.word(HIGH + 4)).toBe(0x8877_6655 | 0);
    expect(memory.word(HIGH + 7)).toBe(memory.word(HIGH + 4));
    expect(memory.byte(HIGH + 7)).toBe(0x88);
    expect(memory.doubleWord(HIGH)).toBe(0x8877_6655_4433_2211n);
    memory.setWord(HIGH, -1);
    expect(memory.doubleWord(HIGH)).toBe(0x8877_6655_ffff_ffffn);
    memory.setByte(HIGH, 0x1fe);
    expect(memory.byte(HIGH)).toBe(0xfe);
  });

  test('changes bits of a byte and says what was there', () => {
    const { memory } = make();
    expect([memory.setBits(HIGH, 0x81), memory.setBits(HIGH, 0x10)]).toEqual([0, 0x81]);
    expect([memory.clearBits(HIGH, 0x80), memory.byte(HIGH)]).toEqual([0x91, 0x11]);
  });

  test('says in an error which address it was, and which there are', () => {
    const { memory } = make();
    const wrong = expect.objectContaining({
      code: 'ERR_GUEST_ADDRESS',
      message:
        "guest address 0x40000ffd (4 bytes) is outside the guest's memory: 0x40000000-0x40000fff, 0x10000000000-0x10000001fff",
    });
    expect(() => memory.word(0x4000_0ffd)).toThrow(wrong);
    expect(() => memory.setByte(0x4000_1000, 1)).toThrow('0x40001000 (1 bytes)');
    expect(() => memory.write(HIGH + 0x1fff, new Uint8Array(2))).toThrow('outside');
    expect(() => make(guest, []).memory.byte(0)).toThrow('it has none');
  });
});

/** Writes of all kinds at any address, beside a plain array of bytes for each slot. */
function agreesWithBytes(module: Module): void {
  const address = fc.oneof(
    fc.constantFrom(...SLOTS).chain(({ base, bytes }) => fc.nat({ max: bytes - 8 }).map((off) => base + off)),
    fc
      .constantFrom(0x4000_0000 - 8, 0x4000_1000 - 8, HIGH - 8, HIGH)
      .chain((near) => fc.nat({ max: 12 }).map((off) => near + off)),
  );
  const step = fc.tuple(
    fc.constantFrom('byte', 'word', 'double', 'run', 'fill'),
    address,
    fc.nat({ max: 255 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { words, region, memory } = make(module);
      const plain = new Map<number, number>();
      const sizes = { byte: 1, word: 4, double: 8, run: 5, fill: 6 } as const;
      for (const [kind, anywhere, value] of steps) {
        const bytes = sizes[kind];
        const at = kind === 'word' || kind === 'double' ? anywhere - (anywhere % bytes) : anywhere;
        if (!memory.has(at, bytes)) continue;
        const run = Array.from({ length: bytes }, (_, i) => (kind === 'fill' ? value : (value + i) & 255));
        const number = run.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
        if (kind === 'byte') memory.setByte(at, value);
        else if (kind === 'word') memory.setWord(at, Number(BigInt.asIntN(32, number)));
        else if (kind === 'double') memory.setDoubleWord(at, number);
        else if (kind === 'run') memory.write(at, Uint8Array.from(run));
        else memory.fill(at, bytes, value);
        for (const [i, byte] of run.entries()) plain.set(at + i, byte);
      }
      for (const [at, byte] of plain) expect(memory.byte(at)).toBe(byte);
      const sum = words
        .subarray(region.at, region.at + region.words)
        .reduce((n, word) => n + (word === 0 ? 0 : 1), 0);
      expect(sum).toBeLessThanOrEqual(plain.size);
      // Nothing outside has been touched.
      expect(words.subarray(0, region.at).every((word) => word === 0)).toBe(true);
      expect(words.subarray(region.at + region.words).every((word) => word === 0)).toBe(true);
    }),
    { numRuns: 150, seed: 4 },
  );
}

describe('any writes lie where a plain array of bytes would have them', () => {
  test('in two slots', () => agreesWithBytes(guest));

  test.each([
    'slots-lie-in-order: all in one place',
    'run-ends-in-slot: the first only',
    'double-word-has-upper-half: lower half only',
    'ram-offset-from-view: from the buffer',
  ] as const)('the check fails with %s', (mistake) => {
    const module = mutated(mistake);
    expect(() => agreesWithBytes(module)).toThrow();
  });
});

describe('bits of one byte, changed from two sides', () => {
  const scenario = (module: Module): Scenario<Int32Array<SharedArrayBuffer>> => {
    const slots = [{ base: 0, bytes: 0x1000 }];
    const view = (words: Int32Array<SharedArrayBuffer>) =>
      new module.GuestMemory(words, { at: 0, words: 16 }, slots);
    return {
      name: 'bits-of-a-byte',
      words: 16,
      threads: {
        one: (words) => void view(words).setBits(3, 1),
        other: (words) => void view(words).setBits(3, 2),
        third: (words) => void view(words).clearBits(3, 4),
      },
      finally: (words) => expect(view(words).byte(3)).toBe(3),
    };
  };

  test('are all kept, whatever the order', () => {
    expect(passesEvery(scenario(guest)).schedules).toBe(6);
  });

  test('not so where they are read and then written', () => {
    const module = mutated('guest-bits-in-one-step: in two steps');
    isCaught(scenario(module), 'assertion');
  });
});
