import { IrqError } from '../base/irq-error.ts';

/**
 * How values map to buckets. `highest` is the largest distinguishable value, 2 to 2^53 - 1. `digits` is the number of
 * decimal digits kept of a value, 1 to 5: two digits take about 4 KiB for each factor of 256, three digits take eight
 * times as much.
 */
export type Shape = { readonly highest: number; readonly digits: number };

/** Latencies up to an hour in ns, to two digits: 37 KiB a histogram. */
export const LATENCY: Shape = { highest: 3_600e9, digits: 2 };

/**
 * The bucket arithmetic of HdrHistogram, with 1 as the lowest value. Buckets are 1 wide up to 2 × 10^digits (rounded up
 * to a power of two, `subBuckets`); from there on, each doubling is cut into half as many equal buckets. So the values
 * of a bucket agree in `digits` digits.
 * @see https://hdrhistogram.github.io/HdrHistogram/ the original; the indices here are the same as there
 */
export class Buckets {
  readonly shape: Shape;
  /** The number of buckets; indices are 0 to `length - 1`. */
  readonly length: number;
  /** Buckets in the first stretch, each 1 wide. */
  readonly subBuckets: number;
  /** The number of stretches: the first, and one for each doubling. */
  readonly stretches: number;
  /** The first value without a bucket. */
  readonly limit: number;
  readonly #halfBits: number;
  readonly #lowMask: number;

  /** @throws IrqError `ERR_CONFIG` for a shape outside its ranges. */
  constructor(shape: Shape) {
    const { highest, digits } = shape;
    if (!Number.isInteger(digits) || digits < 1 || digits > 5) {
      throw new IrqError('ERR_CONFIG', `a histogram keeps 1 to 5 significant digits, not ${digits}`);
    }
    if (!(highest >= 2 && highest <= Number.MAX_SAFE_INTEGER)) {
      throw new IrqError('ERR_CONFIG', `the highest value of a histogram is 2 to 2^53 - 1, not ${highest}`);
    }
    this.shape = { highest, digits };
    this.#halfBits = Math.ceil(Math.log2(2 * 10 ** digits)) - 1;
    this.subBuckets = 2 << this.#halfBits;
    this.#lowMask = this.subBuckets - 1;
    let limit = this.subBuckets;
    let stretches = 1;
    for (; limit <= highest; limit *= 2) stretches++;
    this.limit = limit;
    this.stretches = stretches;
    this.length = (stretches + 1) << this.#halfBits;
  }

  /** The bucket of `value`, from 0 to below `limit`; ignores a fraction. */
  indexOf(value: number): number {
    if (value < 2 ** 32) {
      const doubling = 31 - this.#halfBits - Math.clz32(value | this.#lowMask);
      return (doubling << this.#halfBits) + (value >>> doubling);
    }
    // Past 32 bits, integer operators lose the high half; dividing by a power of two is exact.
    const doubling = 63 - this.#halfBits - Math.clz32(value / 2 ** 32);
    return (doubling << this.#halfBits) + Math.floor(value * 2 ** -doubling);
  }

  /** The lowest value of bucket `index`. */
  lowestOf(index: number): number {
    const doubling = (index >> this.#halfBits) - 1;
    if (doubling < 0) return index;
    const half = 1 << this.#halfBits;
    return (half + (index & (half - 1))) * 2 ** doubling;
  }

  /** The number of whole values in bucket `index`. */
  widthOf(index: number): number {
    return 2 ** Math.max(0, (index >> this.#halfBits) - 1);
  }

  /** The highest whole value of bucket `index`. */
  highestOf(index: number): number {
    return this.lowestOf(index) + this.widthOf(index) - 1;
  }

  /** The middle of bucket `index`, its value in a mean. */
  middleOf(index: number): number {
    return this.lowestOf(index) + Math.floor(this.widthOf(index) / 2);
  }
}

/** Counts by bucket. */
export interface BucketCounts {
  readonly buckets: Buckets;
  /** Adds `n` to bucket `index`. */
  addAt(index: number, n: number): void;
}

/**
 * Corrects coordinated omission. A client that sends one request each `interval` and waits for each answer sends none
 * while an answer is late, so it omits exactly the requests that would have waited. Adds these: `value - interval`,
 * `value - 2 × interval` and so on down to `interval`, `times` each; nothing if `interval` is below 1. The cost grows
 * with the buckets hit, not with the values added.
 */
export function addOmitted(counts: BucketCounts, value: number, interval: number, times: number): void {
  // past these bounds, a step vanishes in a double's rounding
  if (!(interval >= 1 && value <= Number.MAX_SAFE_INTEGER)) return;
  const { buckets } = counts;
  const steps = Math.floor(value / interval) - 1;
  for (let step = 1; step <= steps; ) {
    const missing = value - step * interval;
    const index = missing < buckets.limit ? buckets.indexOf(missing) : buckets.length - 1;
    const last = Math.min(steps, Math.max(step, Math.floor((value - buckets.lowestOf(index)) / interval)));
    counts.addAt(index, (last - step + 1) * times);
    step = last + 1;
  }
}
