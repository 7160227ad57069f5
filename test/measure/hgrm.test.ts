import fc from 'fast-check';
import { build } from 'hdr-histogram-js';
import { expect, test } from 'vitest';
import { Distribution } from '../../src/measure/distribution.ts';
import { formatHgrm } from '../../src/measure/hgrm.ts';

const HIGHEST = 3_600e9;

const both = (values: number[], digits: 1 | 2 | 3) => {
  const ours = new Distribution({ highest: HIGHEST, digits });
  const theirs = build({
    bitBucketSize: 64,
    highestTrackableValue: HIGHEST,
    numberOfSignificantValueDigits: digits,
  });
  for (const value of values) {
    ours.record(value);
    // A bucket stands for its highest value, as in the Java original; the port keeps the maximum as it was recorded.
    theirs.recordValue(ours.buckets.highestOf(ours.buckets.indexOf(value)));
  }
  return { ours, theirs };
};

test('the text is that of hdr-histogram-js, line for line', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: HIGHEST })), {
        minLength: 1,
      }),
      fc.constantFrom(1 as const, 2 as const, 3 as const),
      fc.constantFrom(1, 1000),
      fc.integer({ min: 1, max: 8 }),
      (values, digits, scale, ticks) => {
        const { ours, theirs } = both(values, digits);
        expect(formatHgrm(ours, { scale, ticks })).toBe(theirs.outputPercentileDistribution(ticks, scale));
      },
    ),
  );
});

test('the comparison sees another value, scale or step', () => {
  const { ours } = both([100, 2000, 30_000], 2);
  const { theirs } = both([100, 2000, 31_000], 2);
  expect(formatHgrm(ours)).not.toBe(theirs.outputPercentileDistribution());
  expect(formatHgrm(ours, { scale: 1000 })).not.toBe(formatHgrm(ours));
  expect(formatHgrm(ours, { ticks: 1 })).not.toBe(formatHgrm(ours));
});

test('an empty distribution is a table without lines', () => {
  expect(formatHgrm(new Distribution({ highest: HIGHEST, digits: 2 })).split('\n')).toHaveLength(6);
});
