import fc from 'fast-check';
import { build, type JsHistogram } from 'hdr-histogram-js';

import { describe, expect, test } from 'vitest';
import { addOmitted, Buckets, LATENCY } from '../../src/measure/buckets.ts';

const shapes = fc.record({
  highest: fc.oneof(
    fc.integer({ min: 2, max: 1e6 }),
    fc.maxSafeInteger().filter((n) => n >= 2),
  ),
  digits: fc.integer({ min: 1, max: 3 }),
});
const shapeAndValue = shapes.chain((shape) =>
  fc.tuple(fc.constant(shape), fc.integer({ min: 0, max: shape.highest })),
);

test('every value lies in its bucket, and its bucket keeps the promised digits', () => {
  fc.assert(
    fc.property(shapeAndValue, ([shape, value]) => {
      const buckets = new Buckets(shape);
      const index = buckets.indexOf(value);
      expect(index).toBeGreaterThanOrEqual(0);
      expect(index).toBeLessThan(buckets.length);
      expect(buckets.lowestOf(index)).toBeLessThanOrEqual(value);
      expect(buckets.highestOf(index)).toBeGreaterThanOrEqual(value);
      expect(buckets.widthOf(index) / Math.max(1, value)).toBeLessThanOrEqual(
        Math.max(1 / 10 ** shape.digits, 1 / Math.max(1, value)),
      );
    }),
  );
});

test('the promise of digits fails when the shape keeps one digit less', () => {
  const width = (digits: number) => {
    const buckets = new Buckets({ highest: 1e9, digits });
    return buckets.widthOf(buckets.indexOf(999_999)) / 999_999;
  };
  expect(width(3)).toBeLessThanOrEqual(1e-3);
  expect(width(2)).toBeGreaterThan(1e-3);
});

test('the buckets follow on one another without a gap, to the limit', () => {
  for (const shape of [LATENCY, { highest: 2 ** 53 - 1, digits: 1 }, { highest: 1e6, digits: 3 }]) {
    const buckets = new Buckets(shape);
    let next = 0;
    for (let index = 0; index < buckets.length; index++) {
      expect(buckets.lowestOf(index)).toBe(next);
      expect(buckets.indexOf(next)).toBe(index);
      expect(buckets.indexOf(buckets.highestOf(index))).toBe(index);
      next = buckets.highestOf(index) + 1;
    }
    expect(next).toBe(buckets.limit);
    expect(buckets.limit).toBeGreaterThan(shape.highest);
  }
});

test('indices, edges and lengths are those of HdrHistogram', () => {
  fc.assert(
    fc.property(shapeAndValue, ([shape, value]) => {
      fc.pre(value < 2 ** 45); // further up the port's logarithm rounds 2^49 - 1 into the next bucket
      const buckets = new Buckets(shape);
      const theirs = build({
        highestTrackableValue: shape.highest,
        numberOfSignificantValueDigits: shape.digits as 1 | 2 | 3,
        bitBucketSize: 64,
      }) as JsHistogram;
      theirs.recordValue(value);
      const index = buckets.indexOf(value);
      expect(buckets.lowestOf(index)).toBe(theirs.lowestEquivalentValue(value));
      expect(buckets.highestOf(index)).toBe(theirs.highestEquivalentValue(value));
      expect(buckets.middleOf(index)).toBe(theirs.medianEquivalentValue(value));
    }),
    { numRuns: 60 },
  );
});

describe('coordinated omission', () => {
  const collect = (value: number, interval: number, highest = 1e9) => {
    const buckets = new Buckets({ highest, digits: 2 });
    const counts = new Map<number, number>();
    addOmitted(
      { buckets, addAt: (index, n) => counts.set(index, (counts.get(index) ?? 0) + n) },
      value,
      interval,
      1,
    );
    return { buckets, counts };
  };
  /** The definition, one value at a time. */
  const oneByOne = (buckets: Buckets, value: number, interval: number) => {
    const counts = new Map<number, number>();
    for (let missing = value - interval; missing >= interval; missing -= interval) {
      const index = missing < buckets.limit ? buckets.indexOf(missing) : buckets.length - 1;
      counts.set(index, (counts.get(index) ?? 0) + 1);
    }
    return counts;
  };

  test('adding by the bucket is adding one by one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3_000_000 }),
        fc.integer({ min: 1, max: 50_000 }),
        (value, interval) => {
          const { buckets, counts } = collect(value, interval, 1e6);
          expect([...counts].sort()).toEqual([...oneByOne(buckets, value, interval)].sort());
        },
      ),
    );
  });

  test('a stall of 50 ms in a loop of one each 100 µs kept 499 measurements from being made', () => {
    const { counts } = collect(50e6, 100e3);
    expect([...counts.values()].reduce((a, b) => a + b)).toBe(499);
  });

  test.each([
    ['no interval', 5e6, 0],
    ['not a number', 5e6, Number.NaN],
    ['an interval that was kept', 900, 1000],
    ['an endless value', Number.POSITIVE_INFINITY, 1000],
  ])('nothing is added for %s', (_name, value, interval) => {
    expect(collect(value, interval).counts.size).toBe(0);
  });

  test('an hour at one each nanosecond ends at once', () => {
    const { counts } = collect(3.6e12, 1);
    expect([...counts.values()].reduce((a, b) => a + b)).toBe(3.6e12 - 1);
  });
});

test.each([
  [{ highest: 1, digits: 2 }, /highest value .* not 1$/],
  [{ highest: 2 ** 53, digits: 2 }, /highest value/],
  [{ highest: Number.NaN, digits: 2 }, /highest value/],
  [{ highest: 1e6, digits: 0 }, /significant digits, not 0/],
  [{ highest: 1e6, digits: 2.5 }, /significant digits/],
])('the shape %o is refused', (shape, message) => {
  expect(() => new Buckets(shape)).toThrow(message);
  expect(() => new Buckets(shape)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
});
