import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Buckets, type Shape } from '../../src/measure/buckets.ts';
import { Distribution } from '../../src/measure/distribution.ts';

const shape: Shape = { highest: 2 ** 40, digits: 2 };
const buckets = new Buckets(shape);
const upper = (value: number) => buckets.highestOf(buckets.indexOf(value));

const of = (values: Iterable<number>): Distribution => {
  const distribution = new Distribution(shape);
  for (const value of values) distribution.record(value);
  return distribution;
};
const values = fc.array(fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 2 ** 40 })), {
  minLength: 1,
});

test('percentiles, maximum, minimum and mean are those of the sorted values, to the digits kept', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 1000 }), (list, permille) => {
      const sorted = list.toSorted((a, b) => a - b);
      const distribution = of(list);
      const rank = Math.max(1, Math.ceil((permille * list.length) / 1000));
      expect(distribution.percentile(permille / 10)).toBe(upper(sorted[rank - 1] ?? -1));
      expect(distribution.max).toBe(upper(sorted.at(-1) ?? -1));
      expect(distribution.percentile(0)).toBe(distribution.min);
      expect(distribution.min).toBe(buckets.lowestOf(buckets.indexOf(sorted[0] ?? -1)));
      const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
      expect(Math.abs(distribution.mean - mean)).toBeLessThanOrEqual(mean / 200 + 1e-9);
    }),
  );
});

test('the check against sorted values sees a rank that is off by one', () => {
  const distribution = of([10, 20, 30, 40]);
  expect(distribution.percentile(50)).toBe(20);
  expect(distribution.percentile(50.1)).toBe(30);
  expect(distribution.percentile(50)).not.toBe(distribution.valueOfRank(3));
});

test('merging is recording everything in one, also from another shape', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const merged = of(a).merge(of(b));
      expect([...merged.bars()]).toEqual([...of([...a, ...b]).bars()]);
      expect(merged.total).toBe(a.length + b.length);
      const coarse = new Distribution({ highest: 2 ** 40, digits: 1 }).merge(merged);
      expect(coarse.total).toBe(merged.total);
      expect(coarse.max / merged.max).toBeCloseTo(1, 0);
    }),
  );
});

test('since gives the values that came between two readings', () => {
  fc.assert(
    fc.property(values, values, (before, later) => {
      const interval = of([...before, ...later]).since(of(before));
      expect([...interval.bars()]).toEqual([...of(later).bars()]);
      expect(interval.total).toBe(later.length);
    }),
  );
});

test('an empty distribution answers that it has no answer', () => {
  const empty = of([]);
  for (const answer of [empty.min, empty.max, empty.mean, empty.deviation, empty.percentile(50)])
    expect(answer).toBeNaN();
  expect(empty.summary()).toEqual({ count: 0, p50: null, p90: null, p99: null, p999: null, max: null });
  expect([...empty.curve()]).toEqual([]);
  expect(empty.bounds(50)).toEqual({ low: 0, high: Number.POSITIVE_INFINITY });
});

test('the summary has the five figures of a run', () => {
  const distribution = of(Array.from({ length: 1000 }, (_, i) => i + 1));
  expect(distribution.summary()).toEqual({
    count: 1000,
    p50: upper(500),
    p90: upper(900),
    p99: upper(990),
    p999: upper(999),
    max: upper(1000),
  });
});

describe('the percentile curve', () => {
  test('climbs to 100 %, and each point says what it claims', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 10 }), (list, ticks) => {
        const points = [...of(list).curve(ticks)];
        expect(points.at(-1)).toMatchObject({ percentile: 100, upTo: list.length });
        let last = -1;
        for (const { value, percentile, upTo } of points) {
          expect(percentile).toBeGreaterThan(last);
          expect(list.filter((v) => v <= value).length).toBe(upTo);
          expect((100 * upTo) / list.length).toBeGreaterThanOrEqual(Math.min(percentile, 100) - 1e-9);
          last = percentile;
        }
      }),
    );
  });

  test('halves what is left', () => {
    const percentiles = [...of(Array.from({ length: 64 }, (_, i) => i)).curve(1)].map(
      (point) => point.percentile,
    );
    expect(percentiles.slice(0, 6)).toEqual([0, 50, 75, 87.5, 93.75, 96.875]);
  });
});

describe('the bounds of a percentile', () => {
  /** A fixed sequence in place of a random one, so that the test has one outcome. */
  const sequence = (seed: number) => () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };

  const coverage = (percent: number, width: (low: number, high: number) => [number, number]) => {
    const random = sequence(7);
    const truth = percent / 100;
    let held = 0;
    for (let round = 0; round < 400; round++) {
      const sample = of(Array.from({ length: 500 }, () => Math.floor(random() * 1e9)));
      const { low, high } = sample.bounds(percent, 0.9);
      const [from, to] = width(low, high);
      if (from <= truth * 1e9 && truth * 1e9 <= to) held++;
    }
    return held / 400;
  };

  test.each([50, 90, 99])('hold the truth at least as often as they say (p%d)', (percent) => {
    expect(coverage(percent, (low, high) => [low, high])).toBeGreaterThanOrEqual(0.88);
  });

  test('and not when they are half as wide', () => {
    const halved = coverage(50, (low, high) => [low + (high - low) / 4, high - (high - low) / 4]);
    expect(halved).toBeLessThan(0.75);
  });

  test('are open where the values are too few', () => {
    const sample = of(Array.from({ length: 100 }, (_, i) => i));
    expect(sample.bounds(99.9).high).toBe(Number.POSITIVE_INFINITY);
    expect(sample.bounds(0.1).low).toBe(0);
    expect(sample.bounds(50).high).toBeLessThan(100);
  });
});
