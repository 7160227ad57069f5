import { add, load, type Words } from '../memory/word.ts';

/**
 * A count beyond 32 bits in two words that need not be neighbours. One thread adds, any thread reads, neither waits.
 *
 * The low word wraps. The high word counts the changes of the low word's top bit, so the lowest bit of an up-to-date
 * high word equals that top bit. If the two differ, the reader has come between the writer's two additions, and the
 * high word is one behind. Exact up to 2^53.
 */

/** Adds `n`, 0 to 2^31 - 1: one atomic operation, and a second one each 2^31 counts. Only the count's own thread. */
export function addCount(words: Words, low: number, high: number, n: number): void {
  const before = add(words, low, n);
  if ((before ^ (before + n)) < 0) add(words, high, 1);
}

/** Returns the count. Any thread. */
export function readCount(words: Words, low: number, high: number): number {
  for (;;) {
    const carries = load(words, high);
    const rest = load(words, low);
    if (load(words, high) !== carries) continue; // happens at most once in 2^31 counts
    const behind = (rest >>> 31) ^ (carries & 1);
    return ((carries >>> 0) + behind) * 2 ** 31 + (rest & 0x7fff_ffff);
  }
}
