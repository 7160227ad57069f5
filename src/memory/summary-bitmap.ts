import { lowestBit } from './bits.ts';
import { LINE, type Region } from './layout.ts';
import { load, lower, raise, store, type Words } from './word.ts';

/**
 * Words of a {@link SummaryBitmap} of `bits` bits: a line for the hint, then the bits, a summary bit for each word,
 * and a top bit for each summary word.
 */
export function summaryBitmapWords(bits: number): number {
  const words = Math.ceil(bits / 32);
  const summaries = Math.ceil(words / 32);
  return LINE + words + summaries + Math.ceil(summaries / 32);
}

/**
 * A bitmap with two levels of summary above it: the next set bit among 65,536 is found by looking at a handful of
 * words. Many threads set bits; **one** thread, the consumer, searches and prunes.
 *
 * The invariant is that a word with a set bit has its summary bits set, except while a call is under way:
 * - `set` writes the bit first and then makes sure of the summaries, whoever set them before: so when `set` has
 *   returned, the consumer can find the bit, whatever other setters have or have not finished.
 * - `claim` leaves the summaries alone. The search prunes a summary bit when it finds its word empty: it clears the
 *   summary bit and **then** looks at the word again. A setter whose bit came in between either saw the summary bit
 *   already cleared, and set it, or wrote its bit before the clearing, and is found by the second look.
 *
 * The word that was claimed from last is not pruned: what comes next mostly comes there, and setter and consumer would
 * pass the cache lines of the summaries back and forth for every bit. A summary bit too many costs one look.
 */
export class SummaryBitmap {
  readonly #words: Words;
  /** The word that was claimed from last: a hint, right whatever it says. Written where it changes only. */
  readonly #hotAt: number;
  readonly #bitsAt: number;
  readonly #summaryAt: number;
  readonly #topAt: number;
  readonly #tops: number;

  constructor(words: Words, region: Region, bits: number) {
    const count = Math.ceil(bits / 32);
    const summaries = Math.ceil(count / 32);
    this.#words = words;
    this.#hotAt = region.at;
    this.#bitsAt = region.at + LINE;
    this.#summaryAt = this.#bitsAt + count;
    this.#topAt = this.#summaryAt + summaries;
    this.#tops = Math.ceil(summaries / 32);
  }

  /** Adds `bit`; true if it was this call that added it. Any thread. */
  set(bit: number): boolean {
    const word = bit >>> 5;
    const added = raise(this.#words, this.#bitsAt + word, 1 << (bit & 31)) !== 0;
    this.#cover(word);
    return added;
  }

  /** Removes `bit`; true for exactly one of any number of racing callers. */
  claim(bit: number): boolean {
    const word = bit >>> 5;
    if (load(this.#words, this.#hotAt) !== word) store(this.#words, this.#hotAt, word);
    return lower(this.#words, this.#bitsAt + word, 1 << (bit & 31)) !== 0;
  }

  has(bit: number): boolean {
    return (load(this.#words, this.#bitsAt + (bit >>> 5)) & (1 << (bit & 31))) !== 0;
  }

  /** The lowest set bit from `from` on, or -1 where there is none. The consumer only: it prunes as it goes. */
  next(from: number): number {
    const firstWord = from >>> 5;
    const firstSummary = firstWord >>> 5;
    let summaryMask = -1 << (firstSummary & 31);
    for (let top = firstSummary >>> 5; top < this.#tops; top++, summaryMask = -1) {
      let summaries = load(this.#words, this.#topAt + top) & summaryMask;
      while (summaries !== 0) {
        const summary = (top << 5) + lowestBit(summaries);
        const wordMask = summary === firstSummary ? -1 << (firstWord & 31) : -1;
        const found = this.#nextIn(summary, wordMask, from);
        if (found >= 0) return found;
        summaries &= summaries - 1;
      }
    }
    return -1;
  }

  #nextIn(summary: number, wordMask: number, from: number): number {
    const summaryAt = this.#summaryAt + summary;
    const topAt = this.#topAt + (summary >>> 5);
    let words =
      (load(this.#words, summaryAt) || this.#prune(topAt, 1 << (summary & 31), summaryAt)) & wordMask;
    for (; words !== 0; words &= words - 1) {
      const word = (summary << 5) + lowestBit(words);
      const wordAt = this.#bitsAt + word;
      let bits = load(this.#words, wordAt);
      if (bits === 0 && load(this.#words, this.#hotAt) !== word)
        bits = this.#prune(summaryAt, 1 << (word & 31), wordAt);
      const wanted = word === from >>> 5 ? bits & (-1 << (from & 31)) : bits;
      if (wanted !== 0) return (word << 5) + lowestBit(wanted);
    }
    return -1;
  }

  /** Clears the summary bit of a word seen empty; returns what the word holds now, with the bit put back if it was filled. */
  #prune(summaryAt: number, mask: number, wordAt: number): number {
    lower(this.#words, summaryAt, mask);
    const filled = load(this.#words, wordAt);
    if (filled !== 0) raise(this.#words, summaryAt, mask);
    return filled;
  }

  #cover(word: number): void {
    const summary = word >>> 5;
    raise(this.#words, this.#summaryAt + summary, 1 << (word & 31));
    raise(this.#words, this.#topAt + (summary >>> 5), 1 << (summary & 31));
  }
}
