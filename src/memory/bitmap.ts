import { lowestBit } from './bits.ts';
import type { Region } from './layout.ts';
import { load, lower, raise, type Words } from './word.ts';

/**
 * A flat bitmap. Any thread may call any method; each changes at most one word, atomically, and tells its
 * caller whether this call changed the bit.
 */
export class Bitmap {
  readonly #words: Words;
  readonly #at: number;
  readonly #count: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
    this.#count = region.words;
  }

  /** Adds `bit`; true if this call added the bit. */
  set(bit: number): boolean {
    return raise(this.#words, this.#at + (bit >>> 5), 1 << (bit & 31)) !== 0;
  }

  /** Removes `bit`; true for exactly one of any number of racing callers. */
  claim(bit: number): boolean {
    // guard: claim-tells-the-winner
    return lower(this.#words, this.#at + (bit >>> 5), 1 << (bit & 31)) !== 0;
  }

  has(bit: number): boolean {
    return (load(this.#words, this.#at + (bit >>> 5)) & (1 << (bit & 31))) !== 0;
  }

  /**
   * The lowest set bit from `from` on, or -1. A bit that a producer sets behind the search is left to the next search.
   */
  next(from: number): number {
    let index = from >>> 5;
    // guard: search-begins-at-bit
    let mask = -1 << (from & 31);
    for (; index < this.#count; index++, mask = -1) {
      // guard: later-words-have-no-mask
      const word = load(this.#words, this.#at + index) & mask;
      if (word !== 0) return (index << 5) + lowestBit(word);
    }
    return -1;
  }
}
