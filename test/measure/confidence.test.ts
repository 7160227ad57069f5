import { describe, expect, test } from 'vitest';
import { rankBounds } from '../../src/measure/confidence.ts';

/** Computed with SciPy 1.17 from scipy.stats.binom.cdf; from 10 million on the code approximates. */
const KNOWN: [total: number, share: number, confidence: number, low: number, high: number][] = [
  [10, 0.5, 0.95, 2, 9],
  [100, 0.5, 0.95, 40, 61],
  [1000, 0.99, 0.95, 983, 997],
  [100, 0.99, 0.95, 97, 101],
  [7, 0.9, 0.8, 5, 8],
  [100_000, 0.999, 0.99, 99_873, 99_926],
  [1_000_000_000, 0.99999, 0.95, 999_989_804, 999_990_197],
];

test.each(KNOWN)('of %d values, quantile %d, at %d', (total, share, confidence, low, high) => {
  expect(rankBounds(total, share, confidence)).toEqual([low, high]);
});

test.each([
  [0.5, 4_996_901, 5_003_100],
  [0.99, 9_899_383, 9_900_617],
])('the approximation for ten million is off by one rank at most (quantile %d)', (share, low, high) => {
  const [ours, theirs] = rankBounds(10_000_000, share, 0.95);
  expect(Math.abs(ours - low)).toBeLessThanOrEqual(1);
  expect(Math.abs(theirs - high)).toBeLessThanOrEqual(1);
});

/** The definition, from one binomial term after the other, in logarithms. */
function missedBy(total: number, share: number, from: number, to: number): number {
  let chance = 0;
  let logTerm = total * Math.log(1 - share);
  for (let k = 0; k <= total; k++) {
    if (k >= from && k < to) chance += Math.exp(logTerm);
    logTerm += Math.log(((total - k) * share) / ((k + 1) * (1 - share)));
  }
  return 1 - chance;
}

describe('the bounds are the narrowest that miss no oftener than they may', () => {
  for (const total of [1, 2, 9, 60, 333]) {
    for (const share of [0.1, 0.5, 0.95]) {
      test(`${total} values, quantile ${share}`, () => {
        const [low, high] = rankBounds(total, share, 0.9);
        expect(missedBy(total, share, low, high)).toBeLessThanOrEqual(0.1 + 1e-9);
        expect(missedBy(total, share, low + 1, Number.POSITIVE_INFINITY)).toBeGreaterThan(0.05);
        expect(missedBy(total, share, 0, high - 1)).toBeGreaterThan(0.05);
      });
    }
  }
});

test('the ends of the range', () => {
  expect(rankBounds(0, 0.5, 0.95)).toEqual([0, 1]);
  expect(rankBounds(5, 0, 0.95)).toEqual([0, 1]);
  expect(rankBounds(5, 1, 0.95)).toEqual([5, 6]);
});
