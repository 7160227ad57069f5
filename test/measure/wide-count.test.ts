import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addCount, readCount } from '../../src/measure/wide-count.ts';
import { load, type Words } from '../../src/memory/word.ts';
import { everyInterleaving } from './interleave.ts';

const LOW = 0;
const HIGH = 1;

const countTo = (words: Words, count: number) => {
  for (let rest = count; rest > 0; rest -= 2 ** 31 - 1)
    addCount(words, LOW, HIGH, Math.min(rest, 2 ** 31 - 1));
};

test('a count is the sum of what was added, also past 32 bits', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 })), (parts) => {
      const words: Words = new Int32Array(new SharedArrayBuffer(8));
      for (const part of parts) addCount(words, LOW, HIGH, part);
      expect(readCount(words, LOW, HIGH)).toBe(parts.reduce((a, b) => a + b, 0));
    }),
  );
});

const whileAdding = (from: number, read: (words: Words) => number) =>
  everyInterleaving(
    2,
    (words) => countTo(words, from),
    (words) => {
      addCount(words, LOW, HIGH, 1);
      addCount(words, LOW, HIGH, 1);
    },
    read,
    { neverWaits: true },
  );

test.each([2 ** 31 - 1, 2 ** 32 - 1, 3 * 2 ** 31 - 1, 2 ** 32 - 2])(
  'a reader between the two additions of a carry reads the count (from %d)',
  (from) => {
    const seen = whileAdding(from, (words) => readCount(words, LOW, HIGH));
    expect([...seen].sort((a, b) => a - b)).toEqual([from, from + 1, from + 2]);
  },
);

test('a reader that trusts the high word is caught', () => {
  const trusts = (words: Words) => load(words, HIGH) * 2 ** 31 + (load(words, LOW) & 0x7fff_ffff);
  expect([...whileAdding(2 ** 31 - 1, trusts)].some((count) => count < 2 ** 31 - 1)).toBe(true);
});
