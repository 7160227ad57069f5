import { expect, test } from 'vitest';
import { sleepWhile, sleepWhileAsync, wake } from '../../src/memory/bare-wait.ts';
import { nap } from '../../src/memory/nap.ts';
import { store } from '../../src/memory/word.ts';

test('a nap ends by itself, and takes fractions of a millisecond', () => {
  const before = process.hrtime.bigint();
  nap(2.5);
  nap(0.5);
  // Not a bound on how long it may take, only that it blocks at all.
  expect(process.hrtime.bigint() - before).toBeGreaterThan(1_000_000n);
});

test('a bare wait ends when its word changes, by a wake, or by its bound', async () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  expect(sleepWhile(words, 0, 1, 10_000)).toBe(true);
  expect(sleepWhile(words, 0, 0, 1)).toBe(false);
  await sleepWhileAsync(words, 0, 1);
  const bound = setTimeout(() => wake(words, 0), 10_000);
  const woken = sleepWhileAsync(words, 0, 0);
  store(words, 0, 1);
  wake(words, 0);
  await woken;
  clearTimeout(bound);
});
