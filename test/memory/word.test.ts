import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as bits from '../../src/memory/bits.ts';
import * as word from '../../src/memory/word.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof word;

const int = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, -1, 1 << 31, 1));

/** Each operation on one word, beside plain arithmetic on a number. */
function agreesWithPlainWord(module: Module): void {
  const plain = {
    add: (was: number, value: number) => [(was + value) | 0, was],
    exchange: (_was: number, value: number) => [value, _was],
    setBits: (was: number, mask: number) => [was | mask, was],
    clearBits: (was: number, mask: number) => [was & ~mask, was],
    raise: (was: number, mask: number) => [was | mask, ~was & mask],
    lower: (was: number, mask: number) => [was & ~mask, was & mask],
  } as const;
  const names = Object.keys(plain) as (keyof typeof plain)[];
  fc.assert(
    fc.property(
      int,
      fc.array(fc.tuple(fc.constantFrom(...names), int), { maxLength: 20 }),
      (first, steps) => {
        const words = new Int32Array(new SharedArrayBuffer(16));
        words.fill(7);
        module.store(words, 2, first);
        let value = first;
        for (const [name, operand] of steps) {
          const [after, result] = plain[name](value, operand);
          expect(module[name](words, 2, operand)).toBe(result);
          value = after ?? 0;
          expect(module.load(words, 2)).toBe(value);
        }
        expect(module.replace(words, 2, value + 1, 5)).toBe(false);
        expect(module.replace(words, 2, value, 5)).toBe(true);
        expect(Array.from(words)).toEqual([7, 7, 5, 7]);
      },
    ),
    { numRuns: 300, seed: 11 },
  );
}

describe('the operations on one word', () => {
  test('do what plain arithmetic would, and say what was there', () => agreesWithPlainWord(word));

  test.each([
    'set-bits-in-one-step: looks for any',
    'raise-says-what-it-set: what was set',
    'clear-bits-in-one-step: clears the others',
    'replace-says-that-it-won: another than the next',
  ] as const)('the check fails with %s', (mistake) => {
    const { m } = loadMutated<{ m: Module }>({ m: 'memory/word.ts' }, mistake);
    expect(() => agreesWithPlainWord(m)).toThrow();
  });

  test('peek and poke are plain, and read nothing outside', () => {
    const words = new Int32Array(new SharedArrayBuffer(8));
    word.poke(words, 1, -5);
    expect([word.peek(words, 1), word.peek(words, 2)]).toEqual([-5, 0]);
  });
});

/** What the functions on bits say, beside the digits of the number. */
function agreesWithDigits(module: typeof bits): void {
  const digits = (value: number) => [...(value >>> 0).toString(2)].reverse();
  fc.assert(
    fc.property(int, (value) => {
      expect(module.countBits(value)).toBe(digits(value).filter((digit) => digit === '1').length);
      if (value !== 0) expect(module.lowestBit(value)).toBe(digits(value).indexOf('1'));
    }),
    { numRuns: 500, seed: 2 },
  );
}

describe('the functions on bits', () => {
  test('agree with the digits', () => agreesWithDigits(bits));

  test.each([
    'lowest-bit-stands-alone: not isolated',
    'bits-counted-by-nibble: off by one',
    'bits-counted-by-pair: without the first',
  ] as const)('the check fails with %s', (mistake) => {
    const { m } = loadMutated<{ m: typeof bits }>({ m: 'memory/bits.ts' }, mistake);
    expect(() => agreesWithDigits(m)).toThrow();
  });
});
