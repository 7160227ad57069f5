import type { Region } from './layout.ts';
import { add, load, type Words } from './word.ts';

export const SEQUENCE_WORDS = 1;

/**
 * A sequence count: lets readers copy several words that one writer at a time changes, and know whether the copy is
 * of one piece. Odd while a write is under way.
 *
 * A reader that saw the same even number before and after its loads had no writer in between: a writer makes the
 * number odd before its first store and even, two higher, after its last. (A reader asleep over 2^31 writes would
 * be fooled.) Writers must exclude each other; readers write nothing.
 */
export class Sequence {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  beginWrite(): void {
    add(this.#words, this.#at, 1);
  }

  endWrite(): void {
    add(this.#words, this.#at, 1);
  }

  /** What to hand to {@link changedSince}. An odd answer says that a write is under way: look again later. */
  begin(): number {
    return load(this.#words, this.#at);
  }

  /** True if what was read since `begin` returned `seen` may be torn. */
  changedSince(seen: number): boolean {
    return (seen & 1) !== 0 || load(this.#words, this.#at) !== seen;
  }
}
