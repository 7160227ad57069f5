import { expect, test } from 'vitest';
import { readStamp, STAMP_WORDS, writeStamp } from '../../src/measure/stamp.ts';
import { load, type Words } from '../../src/memory/word.ts';
import { everyInterleaving } from './interleave.ts';

const fresh = (): Words => new Int32Array(new SharedArrayBuffer(4 * STAMP_WORDS));

const times = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 3e12 + 7, 2 ** 53 - 1];

test('a stamp comes back to the nanosecond', () => {
  const words = fresh();
  expect(readStamp(words, 0)).toBe(0);
  for (const ns of times) {
    writeStamp(words, 0, ns);
    expect(readStamp(words, 0)).toBe(ns);
  }
});

const writers: [name: string, from: number, to: number[]][] = [
  ['within one high half', 100, [2 ** 32 - 1]],
  ['from one high half to the next', 2 ** 32 - 1, [2 ** 32]],
  ['across several high halves', 5, [2 ** 33 + 1, 2 ** 34]],
  ['into the next high half and on in it', 2 ** 32 - 5, [2 ** 32 + 3, 2 ** 32 + 9]],
];

const reading = (read: (words: Words) => number, from: number, to: readonly number[]) =>
  everyInterleaving(
    STAMP_WORDS,
    (words) => writeStamp(words, 0, from),
    (words) => {
      for (const ns of to) writeStamp(words, 0, ns);
    },
    read,
  );

test.each(writers)('a reader gets a whole stamp, whatever the order: %s', (_name, from, to) => {
  const seen = reading((words) => readStamp(words, 0), from, to);
  for (const ns of seen) expect([from, ...to]).toContain(ns);
  expect(seen).toContain(from);
  expect(seen).toContain(to.at(-1));
});

test('a reader that looks at the high half once is caught', () => {
  const looksOnce = (words: Words) => load(words, 1) * 2 ** 32 + (load(words, 0) >>> 0);
  const seen = reading(looksOnce, 2 ** 32 - 1, [2 ** 32]);
  expect([...seen].filter((ns) => ns !== 2 ** 32 - 1 && ns !== 2 ** 32)).not.toEqual([]);
});
