import { LINE, type Region } from '../memory/layout.ts';
import { add, load, type Words } from '../memory/word.ts';
import { addOmitted, Buckets, type Shape } from './buckets.ts';
import { Distribution } from './distribution.ts';
import { addCount, readCount } from './wide-count.ts';

/** The first line: values without a bucket of their own. */
const CLAMPED = 0;
const REFUSED = 1;

/** The most that one {@link addCount} takes. */
const MOST_AT_ONCE = 0x7fff_ffff;

/** Words of a histogram of this shape in the shared buffer. Zeroed words are an empty histogram. */
export function histogramWords(shape: Shape): number {
  return LINE + 2 * lowWords(new Buckets(shape));
}

/** Low words of all buckets; whole lines, so that the rarely written high words share no line with them. */
function lowWords(buckets: Buckets): number {
  return Math.ceil(buckets.length / LINE) * LINE;
}

/**
 * A histogram in the shared buffer: one thread records, and any thread reads meanwhile. Each recording thread has its
 * own, and a reader merges them: `for (const h of histograms) h.addTo(distribution)`.
 *
 * A record is one atomic addition to the low word of its bucket's count. The high words, into which wide-count.ts
 * carries, lie in a block of their own: they are almost never written, and cost no cache.
 */
export class Histogram {
  readonly buckets: Buckets;
  readonly #words: Words;
  readonly #at: number;
  readonly #low: number;
  readonly #high: number;
  readonly #limit: number;

  /** Binds a region of `histogramWords(shape)` words. Every thread must pass the same shape. */
  constructor(words: Words, region: Region, shape: Shape) {
    this.buckets = new Buckets(shape);
    this.#words = words;
    this.#at = region.at;
    this.#low = region.at + LINE;
    this.#high = this.#low + lowWords(this.buckets);
    this.#limit = this.buckets.limit;
  }

  /**
   * Counts a value. Only the histogram's own thread; no allocation. A value past the last bucket counts in the last
   * bucket and in `clamped`; a negative value or NaN counts only in `refused`.
   */
  record(value: number): void {
    if (value >= 0 && value < this.#limit) this.addAt(this.buckets.indexOf(value), 1);
    else this.#recordOutside(value);
  }

  /**
   * Counts a value, and the values that the wait for it prevented: for a loop that should start one measurement each
   * `expectedInterval`, in the unit of the value. See `addOmitted`.
   */
  recordCorrected(value: number, expectedInterval: number): void {
    this.record(value);
    if (value >= 2 * expectedInterval) addOmitted(this, value, expectedInterval, 1);
  }

  /** Adds `n` to bucket `index`. Only the histogram's own thread. */
  addAt(index: number, n: number): void {
    for (; n > MOST_AT_ONCE; n -= MOST_AT_ONCE)
      addCount(this.#words, this.#low + index, this.#high + index, MOST_AT_ONCE);
    addCount(this.#words, this.#low + index, this.#high + index, n);
  }

  #recordOutside(value: number): void {
    if (value >= 0) {
      add(this.#words, this.#at + CLAMPED, 1);
      this.addAt(this.buckets.length - 1, 1);
    } else {
      add(this.#words, this.#at + REFUSED, 1);
    }
  }

  /** The number of values past the last bucket, modulo 2^32. If 0, the maximum is right. */
  get clamped(): number {
    return load(this.#words, this.#at + CLAMPED) >>> 0;
  }

  /** The number of negative values and NaNs, modulo 2^32. If not 0, the clock was wrong. */
  get refused(): number {
    return load(this.#words, this.#at + REFUSED) >>> 0;
  }

  /** The count of bucket `index`. Any thread. */
  countAt(index: number): number {
    return readCount(this.#words, this.#low + index, this.#high + index);
  }

  /**
   * Adds the counts so far to `sum`. Any thread, at any time: each count is exact for some moment during the call, so
   * the total lies between those at the beginning and at the end.
   */
  addTo(sum: Distribution): void {
    for (let index = 0; index < this.buckets.length; index++) {
      const count = this.countAt(index);
      if (count !== 0) sum.addBucket(this.buckets, index, count);
    }
  }

  /** The counts so far, as {@link addTo} reads them. */
  read(): Distribution {
    const distribution = new Distribution(this.buckets.shape);
    this.addTo(distribution);
    return distribution;
  }
}
