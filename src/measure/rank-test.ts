import { IrqError } from '../base/irq-error.ts';
import type { Bounds } from './confidence.ts';
import { tailQuantile, upperTail } from './normal.ts';

/** The outcome of a comparison of B with A; the values are times, so smaller is faster. */
type Verdict = 'faster' | 'slower' | 'no difference seen';

export type RankTest = {
  readonly verdict: Verdict;
  /** Mann and Whitney's U of B: the number of all pairs (a, b) with b larger; a tie counts half. */
  readonly u: number;
  /** The probability of a U as far from the middle, on either side, if A and B were alike. */
  readonly p: number;
  /** Cliff's delta, -1 to 1: how much more often b > a than b < a. Above zero, B is slower. */
  readonly delta: number;
  /** The common-language effect size, 0 to 1: how often b > a, a tie counting half. 0.5 is no difference. */
  readonly probability: number;
};

/** Each value with its count, upwards: a sample or a histogram in this form. */
export type Counted = Iterable<readonly [value: number, count: number]>;

export type RankTestOptions = {
  /** A difference is reported only if p is below this. */
  readonly alpha?: number;
  /**
   * And only if delta is at least this far from zero. Large samples make any difference significant; a delta below
   * 0.147 is customarily called negligible (Romano and others, 2006).
   */
  readonly minDelta?: number;
};

/** Up to this many values on each side, and without ties, p is exact. */
const EXACT = 50;

/**
 * Mann and Whitney's rank test: is B slower or faster than A? The test uses only which of two values is larger, so
 * outliers and the shape of the distribution do not matter. It assumes independent samples: interleave them (A B A B …,
 * or short blocks in random order), because a drift of the machine otherwise looks like a difference.
 * @throws IrqError `ERR_RESULT_FORMAT` if a sample is empty or holds a NaN.
 */
export function rankTest(a: readonly number[], b: readonly number[], options?: RankTestOptions): RankTest {
  return rankTestCounted(countSorted(a), countSorted(b), options);
}

/**
 * As {@link rankTest}, on counted values such as `counts()` of two distributions of one shape; values in one bucket
 * count as a tie.
 */
export function rankTestCounted(a: Counted, b: Counted, options: RankTestOptions = {}): RankTest {
  const { alpha = 0.01, minDelta = 0.147 } = options;
  const { u, countA, countB, ties } = rank(a, b);
  const pairs = countA * countB;
  if (!(pairs > 0)) {
    throw new IrqError(
      'ERR_RESULT_FORMAT',
      'two samples can be compared only if each has a value, and all are numbers',
    );
  }
  const p =
    ties === 0 && countA <= EXACT && countB <= EXACT
      ? exactP(u, countA, countB)
      : normalP(u, countA, countB, ties);
  const probability = u / pairs;
  const delta = 2 * probability - 1;
  const seen = p < alpha && Math.abs(delta) >= minDelta;
  return {
    verdict: seen ? (delta > 0 ? 'slower' : 'faster') : 'no difference seen',
    u,
    p,
    delta,
    probability,
  };
}

function countSorted(sample: readonly number[]): Counted {
  const counts = new Map<number, number>();
  for (const value of Float64Array.from(sample).sort()) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Walks up both sides at once. `ties` is the sum of t³ - t over every group of t equal values. */
function rank(a: Counted, b: Counted): { u: number; countA: number; countB: number; ties: number } {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  let [nextA, nextB] = [left.next(), right.next()];
  let [u, countA, countB, ties] = [0, 0, 0, 0];
  while (!nextA.done || !nextB.done) {
    const value = Math.min(nextA.done ? Infinity : nextA.value[0], nextB.done ? Infinity : nextB.value[0]);
    if (Number.isNaN(value)) return { u: Number.NaN, countA: Number.NaN, countB: Number.NaN, ties };
    let [hereA, hereB] = [0, 0];
    if (!nextA.done && nextA.value[0] === value) {
      hereA = nextA.value[1];
      nextA = left.next();
    }
    if (!nextB.done && nextB.value[0] === value) {
      hereB = nextB.value[1];
      nextB = right.next();
    }
    u += hereB * (countA + hereA / 2);
    countA += hereA;
    countB += hereB;
    const tied = hereA + hereB;
    ties += tied ** 3 - tied;
  }
  return { u, countA, countB, ties };
}

/** The normal approximation, corrected for ties and for continuity. */
function normalP(u: number, countA: number, countB: number, ties: number): number {
  const all = countA + countB;
  const variance = ((countA * countB) / 12) * (all + 1 - ties / (all * (all - 1)));
  if (!(variance > 0)) return 1; // every value the same, or one against one
  const distance = Math.max(0, Math.abs(u - (countA * countB) / 2) - 0.5);
  return Math.min(1, 2 * upperTail(distance / Math.sqrt(variance)));
}

function exactP(u: number, countA: number, countB: number): number {
  const most = countA * countB;
  const extreme = Math.max(u, most - u);
  let [tail, total] = [0, 0];
  ordersByU(countA, countB).forEach((count, value) => {
    total += count;
    if (value >= extreme) tail += count;
  });
  return Math.min(1, (2 * tail) / total);
}

/**
 * Counts the orders of A's and B's values by their U. The largest value of all is either an `a`, which adds nothing to
 * U, or a `b`, which is larger than every `a`. `ways[b][u]` holds the orders for the number of `a`s reached so far.
 */
function ordersByU(countA: number, countB: number): Float64Array {
  const most = countA * countB;
  const ways = Array.from({ length: countB + 1 }, () => new Float64Array(most + 1));
  for (const row of ways) row[0] = 1; // no `a` yet: one order, and U is 0
  for (let as = 1; as <= countA; as++) {
    for (let bs = 1; bs <= countB; bs++) {
      const [here, fewerBs] = [ways[bs], ways[bs - 1]];
      if (!here || !fewerBs) continue;
      for (let value = most; value >= 0; value--) {
        here[value] = (here[value] ?? 0) + (value >= as ? (fewerBs[value - as] ?? 0) : 0);
      }
    }
  }
  return ways[countB] ?? new Float64Array(0);
}

/**
 * The critical U: the largest k with P(U < k) at most `miss` if A and B are alike. U counts pairs (a, b) in which a
 * given side is the larger. 0 if there are too few values for any k.
 */
function criticalU(countA: number, countB: number, miss: number): number {
  if (countA > EXACT || countB > EXACT) {
    const spread = Math.sqrt((countA * countB * (countA + countB + 1)) / 12);
    return Math.max(0, Math.floor((countA * countB + 1) / 2 - tailQuantile(miss) * spread));
  }
  const orders = ordersByU(countA, countB);
  const allowed = miss * orders.reduce((sum, count) => sum + count, 0);
  let k = 0;
  for (let below = orders[0] ?? 0; below <= allowed; below += orders[k] ?? 0) k++;
  return k;
}

/**
 * The ratio of B's values to A's, by Hodges and Lehmann: the median of all b / a, with bounds by the rank test of the
 * same sizes. If the bounds leave 1 out, the test sees a difference at that confidence.
 * @param confidence - 0 to 1
 * @throws IrqError `ERR_RESULT_FORMAT` if a sample is empty
 */
export function ratioOf(
  a: readonly number[],
  b: readonly number[],
  confidence = 0.95,
): { readonly ratio: number; readonly bounds: Bounds } {
  if (a.length === 0 || b.length === 0)
    throw new IrqError('ERR_RESULT_FORMAT', 'two samples can be compared only if each has a value');
  const [left, right] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()];
  const pairs = left.length * right.length;
  const at = (rank: number) => ratioAt(left, right, rank);
  const half = (pairs + 1) / 2;
  const k = criticalU(a.length, b.length, (1 - confidence) / 2);
  return {
    ratio: (at(Math.floor(half)) + at(Math.ceil(half))) / 2,
    bounds: k === 0 ? { low: 0, high: Number.POSITIVE_INFINITY } : { low: at(k), high: at(pairs + 1 - k) },
  };
}

/**
 * The ratio b / a of a rank, from 1 on, among those of all pairs, without making the pairs. Bisects the bits of a
 * positive double for the least number that at least `rank` ratios do not exceed. Both samples upwards.
 */
function ratioAt(a: Float64Array, b: Float64Array, rank: number): number {
  const value = new Float64Array(1);
  const bits = new BigUint64Array(value.buffer);
  let [low, high] = [0n, BITS_OF_INFINITY];
  while (low < high) {
    const middle = (low + high) >> 1n;
    bits[0] = middle;
    if (countUpTo(a, b, value[0] ?? 0) >= rank) high = middle;
    else low = middle + 1n;
  }
  bits[0] = low;
  return value[0] ?? Number.NaN;
}

const BITS_OF_INFINITY = 0x7ff0_0000_0000_0000n;

/** The number of pairs with a ratio b / a of at most `most`. */
function countUpTo(a: Float64Array, b: Float64Array, most: number): number {
  let [count, below] = [0, 0];
  for (const x of a) {
    while (below < b.length && ratio(x, b[below] ?? 0) <= most) below++;
    count += below;
  }
  return count;
}

function ratio(x: number, y: number): number {
  return x === 0 && y === 0 ? 1 : y / x;
}
