import { add, load, type Words } from './word.ts';

/**
 * A sequence count: one word beside several others that one writer at a time changes. Readers detect a torn copy by the
 * count. Odd while a write is under way.
 *
 * A reader that loads the same even number before and after its copy had no writer in between: a writer makes the
 * number odd before its first store and even, two higher, after its last. (A reader that sleeps through 2^31 writes
 * misses them.) Writers must exclude each other; readers write nothing. Functions and not a class: the word lies in the
 * middle of a record, and a reader on the interrupt path must not allocate.
 */
export function beginWrite(words: Words, at: number): void {
  // guard: write-begins-odd
  add(words, at, 1);
}

export function endWrite(words: Words, at: number): void {
  // guard: write-ends-higher
  add(words, at, 1);
}

/** Returns the count for {@link changedSince}. An odd count means that a write is under way: read again later. */
export function beginRead(words: Words, at: number): number {
  return load(words, at);
}

/** True if the words read since `beginRead` returned `seen` may be torn. */
export function changedSince(words: Words, at: number, seen: number): boolean {
  // guard: torn-copy-is-refused
  return (seen & 1) !== 0 || load(words, at) !== seen;
}
