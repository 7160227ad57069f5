import { addOmitted, Buckets, type Shape } from './buckets.ts';
import { type Bounds, rankBounds } from './confidence.ts';

/** One non-empty bucket: the whole values `from` to `to`, their count, and the count up to here. */
export type Bar = {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly upTo: number;
};

/** One step of a percentile curve: `upTo` values, at least `percentile` percent of all, are at most `value`. */
export type CurvePoint = { readonly value: number; readonly percentile: number; readonly upTo: number };

/** A distribution in the JSON of a run; null where nothing was recorded. */
export type Summary = {
  readonly count: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
};

/**
 * Counted values in one thread's own memory, to read from shared histograms, merge, query and print. The shape limits
 * the precision. One number stands for a bucket: its highest value in percentiles and the maximum, its lowest in the
 * minimum, its middle in the mean. An empty distribution answers NaN.
 */
export class Distribution {
  readonly buckets: Buckets;
  readonly #counts: Float64Array;
  #total = 0;

  constructor(shape: Shape) {
    this.buckets = new Buckets(shape);
    this.#counts = new Float64Array(this.buckets.length);
  }

  /** Counts `value` (from 0) `times` times; a value past the last bucket counts in the last bucket. */
  record(value: number, times = 1): void {
    if (value >= 0)
      this.addAt(value < this.buckets.limit ? this.buckets.indexOf(value) : this.buckets.length - 1, times);
  }

  /** Adds `n` to bucket `index`. */
  addAt(index: number, n: number): void {
    this.#counts[index] = this.countAt(index) + n;
    this.#total += n;
  }

  /**
   * Adds `n` to the bucket here that contains bucket `index` of `buckets`: the same bucket for equal shapes.
   */
  addBucket(buckets: Buckets, index: number, n: number): void {
    if (buckets.shape.digits === this.buckets.shape.digits && index < this.buckets.length)
      this.addAt(index, n);
    else this.record(buckets.middleOf(index), n);
  }

  /** The count of bucket `index`. */
  countAt(index: number): number {
    return this.#counts[index] ?? 0;
  }

  /** Adds the counts of another distribution, of any shape, to this one; returns this one. */
  merge(other: Distribution): this {
    for (const [index, count] of other.counts()) this.addBucket(other.buckets, index, count);
    return this;
  }

  /** The counts since `earlier`, a reading of the same histograms in the same shape. */
  since(earlier: Distribution): Distribution {
    const interval = new Distribution(this.buckets.shape);
    for (const [index, count] of this.counts()) interval.addAt(index, count - earlier.countAt(index));
    return interval;
  }

  /** The same values with those that coordinated omission left out: see `addOmitted`. For an uncorrected reading. */
  corrected(expectedInterval: number): Distribution {
    const whole = new Distribution(this.buckets.shape).merge(this);
    for (const [index, count] of this.counts()) {
      addOmitted(whole, this.buckets.middleOf(index), expectedInterval, count);
    }
    return whole;
  }

  /** The number of values. */
  get total(): number {
    return this.#total;
  }

  get min(): number {
    for (const [index] of this.counts()) return this.buckets.lowestOf(index);
    return Number.NaN;
  }

  get max(): number {
    for (let index = this.buckets.length - 1; index >= 0; index--) {
      if (this.countAt(index) !== 0) return this.buckets.highestOf(index);
    }
    return Number.NaN;
  }

  get mean(): number {
    let sum = 0;
    for (const [index, count] of this.counts()) sum += this.buckets.middleOf(index) * count;
    return sum / this.#total;
  }

  /** The standard deviation. Latencies are far from a normal distribution; plotters want the figure all the same. */
  get deviation(): number {
    const mean = this.mean;
    let sum = 0;
    for (const [index, count] of this.counts()) sum += (this.buckets.middleOf(index) - mean) ** 2 * count;
    return Math.sqrt(sum / this.#total);
  }

  /** The value that `percent` percent of all values, 0 to 100, do not exceed; for 0, the minimum. */
  percentile(percent: number): number {
    if (percent <= 0) return this.min;
    return this.valueOfRank(rankOf(percent, this.#total));
  }

  /** The `rank`-th smallest value, from 1. */
  valueOfRank(rank: number): number {
    let upTo = 0;
    for (const [index, count] of this.counts()) {
      upTo += count;
      if (upTo >= rank) return this.buckets.highestOf(index);
    }
    return Number.NaN;
  }

  /**
   * The bounds, at the given confidence, of a percentile of the process that these values sample: from order
   * statistics, for any distribution. With too few values, `high` is infinite or `low` zero. Assumes independent
   * values; consecutive measurements rarely are, and then the true bounds are wider.
   */
  bounds(percent: number, confidence = 0.95): Bounds {
    const [low, high] = rankBounds(this.#total, percent / 100, confidence);
    return {
      low: low < 1 ? 0 : this.valueOfRank(low),
      high: high > this.#total ? Number.POSITIVE_INFINITY : this.valueOfRank(high),
    };
  }

  /** Index and count of each non-empty bucket, upwards. */
  *counts(): Generator<readonly [index: number, count: number]> {
    for (let index = 0; index < this.#counts.length; index++) {
      const count = this.countAt(index);
      if (count !== 0) yield [index, count];
    }
  }

  /** The non-empty buckets, upwards. */
  *bars(): Generator<Bar> {
    let upTo = 0;
    for (const [index, count] of this.counts()) {
      upTo += count;
      yield { from: this.buckets.lowestOf(index), to: this.buckets.highestOf(index), count, upTo };
    }
  }

  /**
   * The percentile curve in HdrHistogram's steps: `ticks` steps in each half of the rest to 100 %, so 50, 75, 87.5,
   * 93.75 … % are always among them. The last point is 100 %.
   */
  *curve(ticks = 5): Generator<CurvePoint> {
    let percentile = 0;
    for (const { to, upTo } of this.bars()) {
      while ((100 * upTo) / this.#total >= percentile) {
        yield { value: to, percentile, upTo };
        if (upTo === this.#total) {
          if (percentile < 100) yield { value: to, percentile: 100, upTo };
          return;
        }
        const halvings = Math.floor(Math.log2(100 / (100 - percentile))) + 1;
        percentile += 100 / (ticks * 2 ** halvings);
      }
    }
  }

  summary(): Summary {
    const some = (value: number) => (Number.isNaN(value) ? null : value);
    return {
      count: this.#total,
      p50: some(this.percentile(50)),
      p90: some(this.percentile(90)),
      p99: some(this.percentile(99)),
      p999: some(this.percentile(99.9)),
      max: some(this.max),
    };
  }
}

/** The rank, from 1, of a percentile among `total` values; 99.9 % of 1000 is the 999th, in spite of rounding. */
function rankOf(percent: number, total: number): number {
  const share = Math.min(100, Math.max(0, percent)) / 100;
  return Math.max(1, Math.ceil(share * total * (1 - 2 ** -50)));
}
