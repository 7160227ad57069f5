import { lowestBit } from './bits.ts';
import type { Region } from './layout.ts';
import { exchange, load, lower, raise, type Words } from './word.ts';

/**
 * Words of a {@link SummaryBitmap} of `bits` bits: the bits, a summary bit for each word, and a top bit for each
 * summary word.
 */
export function summaryBitmapWords(bits: number): number {
  const words = Math.ceil(bits / 32);
  const summaries = Math.ceil(words / 32);
  return words + summaries + Math.ceil(summaries / 32);
}

/**
 * A bitmap with two levels of summary above it: a search loads a handful of words to find the next set bit among
 * 65,536. Many threads set bits; **one** thread, the consumer, searches and prunes.
 *
 * The invariant is that a word with a set bit has its summary bits set, except while a call is under way:
 * - `set` writes the bit first and then ensures that both summary bits are set, by this or another thread. So
 *   after `set` returns, the consumer can find the bit, even while other producers are still in `set`.
 * - `claim` leaves the summaries alone. The search prunes: at an empty word, the consumer clears the summary
 *   bit and **then** loads the word again. A producer that set its bit in between either saw the cleared
 *   summary bit and set it again, or set its bit before the clearing, and the second load finds the bit.
 *
 * A search leaves the first empty word unpruned. The next bit mostly comes into the same word, and pruning
 * would pass the cache lines of the summaries between producer and consumer for every bit. A stale summary
 * bit costs one load. The search prunes every further empty word, so at most one stays.
 */
export class SummaryBitmap {
  readonly #words: Words;
  readonly #bitsAt: number;
  readonly #summaryAt: number;
  readonly #topAt: number;
  readonly #tops: number;

  constructor(words: Words, region: Region, bits: number) {
    const count = Math.ceil(bits / 32);
    const summaries = Math.ceil(count / 32);
    this.#words = words;
    this.#bitsAt = region.at;
    this.#summaryAt = this.#bitsAt + count;
    this.#topAt = this.#summaryAt + summaries;
    this.#tops = Math.ceil(summaries / 32);
  }

  /** Adds `bit`; true if this call added the bit. Any thread. */
  set(bit: number): boolean {
    const word = bit >>> 5;
    // guard: bit-is-set-first
    const added = raise(this.#words, this.#bitsAt + word, 1 << (bit & 31)) !== 0;
    // guard: set-covers-its-bit
    this.#cover(word);
    return added;
  }

  /** Removes `bit`; true for exactly one of any number of racing callers. */
  claim(bit: number): boolean {
    return lower(this.#words, this.#bitsAt + (bit >>> 5), 1 << (bit & 31)) !== 0;
  }

  /** Removes all bits of the word of `bit` and returns them, bit 0 for the first of its 32. */
  claimWord(bit: number): number {
    return exchange(this.#words, this.#bitsAt + (bit >>> 5), 0);
  }

  has(bit: number): boolean {
    return (load(this.#words, this.#bitsAt + (bit >>> 5)) & (1 << (bit & 31))) !== 0;
  }

  /**
   * Returns the lowest set bit from `from` on, or -1. Consumer only: the search prunes.
   * @param except - a bit to ignore, -1 for none
   */
  next(from: number, except = -1): number {
    const words = this.#words;
    const firstWord = from >>> 5;
    const firstSummary = firstWord >>> 5;
    let spared = false;
    let summaryMask = -1 << (firstSummary & 31);
    for (let top = firstSummary >>> 5; top < this.#tops; top++, summaryMask = -1) {
      const topAt = this.#topAt + top;
      // guard: later-summaries-have-no-mask
      let summaries = load(words, topAt) & summaryMask;
      for (; summaries !== 0; summaries &= summaries - 1) {
        const summary = (top << 5) + lowestBit(summaries);
        const summaryAt = this.#summaryAt + summary;
        // guard: words-before-search-are-masked
        const wordMask = summary === firstSummary ? -1 << (firstWord & 31) : -1;
        let filled =
          (load(words, summaryAt) || this.#prune(topAt, 1 << (summary & 31), summaryAt)) & wordMask;
        for (; filled !== 0; filled &= filled - 1) {
          const word = (summary << 5) + lowestBit(filled);
          const wordAt = this.#bitsAt + word;
          let bits = load(words, wordAt);
          if (bits === 0 && spared) bits = this.#prune(summaryAt, 1 << (word & 31), wordAt);
          else if (bits === 0) spared = true;
          // guard: bits-before-search-are-masked
          let wanted = word === firstWord ? bits & (-1 << (from & 31)) : bits;
          if (word === except >> 5) wanted &= ~(1 << (except & 31));
          if (wanted !== 0) return (word << 5) + lowestBit(wanted);
        }
      }
    }
    return -1;
  }

  /**
   * Clears the summary bit of an empty word; returns the word's value now. If a producer filled the word meanwhile,
   * sets the summary bit again.
   */
  #prune(summaryAt: number, mask: number, wordAt: number): number {
    // guard: prune-clears-before-look
    lower(this.#words, summaryAt, mask);
    const filled = load(this.#words, wordAt);
    // guard: prune-looks-again
    if (filled !== 0) raise(this.#words, summaryAt, mask);
    return filled;
  }

  #cover(word: number): void {
    const summary = word >>> 5;
    // guard: summary-covers-word
    raise(this.#words, this.#summaryAt + summary, 1 << (word & 31));
    // guard: top-covers-summary
    raise(this.#words, this.#topAt + (summary >>> 5), 1 << (summary & 31));
  }
}
