import { add, load, type Words } from './word.ts';

/**
 * A sequence count: one word beside several others that one writer at a time changes. By the count readers know whether
 * their copy is of one piece. Odd while a write is under way.
 *
 * A reader that saw the same even number before and after its loads had no writer in between: a writer makes the
 * number odd before its first store and even, two higher, after its last. (A reader asleep over 2^31 writes would
 * be fooled.) Writers must exclude each other; readers write nothing. Functions and not a class, because the word lies
 * in the middle of a record, and a reader on the interrupt path must not allocate.
 */
export function beginWrite(words: Words, at: number): void {
  // guard: write-begins-odd
  add(words, at, 1);
}

export function endWrite(words: Words, at: number): void {
  // guard: write-ends-higher
  add(words, at, 1);
}

/** What to hand to {@link changedSince}. An odd answer says that a write is under way: look again later. */
export function beginRead(words: Words, at: number): number {
  return load(words, at);
}

/** True if the words read since `beginRead` returned `seen` may be torn. */
export function changedSince(words: Words, at: number, seen: number): boolean {
  // guard: torn-copy-is-refused
  return (seen & 1) !== 0 || load(words, at) !== seen;
}
