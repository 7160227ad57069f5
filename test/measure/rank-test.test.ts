import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Distribution } from '../../src/measure/distribution.ts';
import { rankTest, rankTestCounted, ratioOf } from '../../src/measure/rank-test.ts';

const evens = Array.from({ length: 50 }, (_, i) => 2 * i);
const range = Array.from({ length: 200 }, (_, i) => i);

/** Computed with SciPy 1.17, scipy.stats.mannwhitneyu(b, a). */
const KNOWN: [name: string, a: number[], b: number[], u: number, p: number][] = [
  ['small, exact', [19, 22, 16, 29, 24], [20, 11, 17, 12], 3, 0.1111111111111111],
  [
    'from Hollander and Wolfe, exact',
    [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46],
    [1.15, 0.88, 0.9, 0.74, 1.21],
    15,
    0.2544122544122544,
  ],
  ['fifty each, exact', evens, evens.map((v) => v + 7.5), 1419, 0.24658041846368722],
  ['with ties', [1, 2, 2, 3, 4, 4, 4, 7], [2, 4, 5, 6, 6, 7, 8, 9, 9], 60, 0.02230003653317657],
  ['two hundred each', range, range.map((v) => v + 31), 25719.5, 7.549804098458472e-7],
];

test.each(KNOWN)('U and p are the known ones: %s', (_name, a, b, u, p) => {
  const result = rankTest(a, b);
  expect(result.u).toBe(u);
  expect(Math.abs(result.p / p - 1)).toBeLessThan(1e-9);
});

const sample = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 40 });

test('U, delta and probability are what counting all pairs gives', () => {
  fc.assert(
    fc.property(sample, sample, (a, b) => {
      const signs = a.flatMap((x) => b.map((y) => Math.sign(y - x)));
      const delta = signs.reduce<number>((sum, sign) => sum + sign, 0) / signs.length;
      const result = rankTest(a, b);
      expect(result.delta).toBeCloseTo(delta, 12);
      expect(result.probability).toBeCloseTo((delta + 1) / 2, 12);
      expect(result.u).toBeCloseTo(result.probability * a.length * b.length, 9);
      const swapped = rankTest(b, a);
      expect(swapped.delta).toBeCloseTo(-delta, 12);
      expect(swapped.p).toBeCloseTo(result.p, 12);
      expect(result.p).toBeGreaterThanOrEqual(0);
      expect(result.p).toBeLessThanOrEqual(1);
    }),
  );
});

test('histograms are compared as their values would be, if these are told apart', () => {
  fc.assert(
    fc.property(sample, sample, (a, b) => {
      const of = (values: number[]) => {
        const distribution = new Distribution({ highest: 1000, digits: 2 });
        for (const value of values) distribution.record(value);
        return distribution;
      };
      expect(rankTestCounted(of(a).counts(), of(b).counts())).toEqual(rankTest(a, b));
    }),
  );
});

describe('the verdict', () => {
  const slow = range.map((v) => v + 100);
  test('slower, faster', () => {
    expect(rankTest(range, slow).verdict).toBe('slower');
    expect(rankTest(slow, range).verdict).toBe('faster');
  });
  test('none for equal samples, nor for few values', () => {
    expect(rankTest(range, range)).toMatchObject({ verdict: 'no difference seen', p: 1, delta: 0 });
    expect(rankTest([1, 2], [3, 4]).verdict).toBe('no difference seen');
    expect(rankTest([5, 5, 5], [5, 5])).toMatchObject({ verdict: 'no difference seen', p: 1 });
  });
  test('none for a difference that is certain and negligible, unless it is asked for', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => i);
    const shifted = many.map((v) => v + 600.5);
    expect(rankTest(many, shifted)).toMatchObject({ verdict: 'no difference seen' });
    expect(rankTest(many, shifted).p).toBeLessThan(1e-6);
    expect(rankTest(many, shifted, { minDelta: 0.02 }).verdict).toBe('slower');
  });
  test('is wrong for equal sources about as often as alpha says', () => {
    let seed = 3;
    const random = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    const draw = (shift: number) => Array.from({ length: 60 }, () => random() + shift);
    const seen = (shift: number) =>
      Array.from({ length: 300 }, () => rankTest(draw(0), draw(shift), { alpha: 0.05, minDelta: 0 })).filter(
        ({ verdict }) => verdict !== 'no difference seen',
      ).length / 300;
    expect(seen(0)).toBeLessThan(0.09);
    expect(seen(0.3)).toBeGreaterThan(0.9);
  });
});

test.each([
  [[], [1]],
  [[1], []],
  [[1, Number.NaN], [2]],
])('%o and %o cannot be compared', (a, b) => {
  expect(() => rankTest(a, b)).toThrow(expect.objectContaining({ code: 'ERR_RESULT_FORMAT' }));
});

describe('the ratio of two samples', () => {
  /** Without ties, of which an exact test has none. */
  const distinct = fc
    .uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 8, maxLength: 40 })
    .chain((all) =>
      fc.integer({ min: 3, max: all.length - 3 }).map((cut) => [all.slice(0, cut), all.slice(cut)]),
    );

  test('its bounds leave 1 out exactly where the rank test sees a difference at that confidence', () => {
    let seen = 0;
    fc.assert(
      fc.property(distinct, ([a = [], b = []]) => {
        const { low, high } = ratioOf(a, b).bounds;
        const { p } = rankTest(a, b);
        if (p <= 0.05) seen++;
        expect(low > 1 || high < 1).toBe(p <= 0.05);
      }),
      { seed: 11, numRuns: 400 },
    );
    expect(seen).toBeGreaterThan(3);
  });

  test('is the factor between them, and lies within its bounds', () => {
    const a = [100, 103, 107, 111, 95, 98];
    const { ratio, bounds } = ratioOf(
      a,
      a.map((value) => 1.5 * value),
    );
    expect(ratio).toBeCloseTo(1.5, 1);
    expect(bounds.low).toBeGreaterThan(1);
    expect(bounds.low).toBeLessThan(1.5);
    expect(bounds.high).toBeGreaterThan(1.5);
  });

  test('of many values is bounded closely, of too few not at all', () => {
    const many = range.map((value) => 1000 + value);
    const { low, high } = ratioOf(many, many).bounds;
    expect(low).toBeGreaterThan(0.95);
    expect(high).toBeLessThan(1.05);
    expect(ratioOf([1, 2], [3, 4]).bounds).toEqual({ low: 0, high: Number.POSITIVE_INFINITY });
    expect(() => ratioOf([], [1])).toThrow(expect.objectContaining({ code: 'ERR_RESULT_FORMAT' }));
  });
});
