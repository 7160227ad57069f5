import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type JsHistogram,
} from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import { Distribution } from '../../src/measure/distribution.ts';
import { decodeHistogram, encodeHistogram } from '../../src/measure/hdr-format.ts';

const HIGHEST = 3_600e9;

const recorded = fc.record({
  digits: fc.constantFrom(1, 2, 3),
  values: fc.array(
    fc.tuple(
      fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: HIGHEST })),
      fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 40 })),
    ),
    { maxLength: 30 },
  ),
});
type Recorded = { digits: number; values: [number, number][] };

const ours = ({ digits, values }: Recorded): Distribution => {
  const distribution = new Distribution({ highest: HIGHEST, digits });
  for (const [value, times] of values) distribution.record(value, times);
  return distribution;
};
const theirs = ({ digits, values }: Recorded): JsHistogram => {
  const histogram = build({
    bitBucketSize: 64,
    highestTrackableValue: HIGHEST,
    numberOfSignificantValueDigits: digits as 1 | 2 | 3,
  }) as JsHistogram;
  for (const [value, times] of values) histogram.recordValueWithCount(value, times);
  return histogram;
};
const countsOf = (histogram: JsHistogram, length: number) =>
  Array.from({ length }, (_, index) => histogram.getCountAtIndex(index));

test('what we write, we read', () => {
  fc.assert(
    fc.property(recorded, (input) => {
      const distribution = ours(input);
      const back = decodeHistogram(encodeHistogram(distribution));
      expect(back.buckets.shape).toEqual(distribution.buckets.shape);
      expect([...back.counts()]).toEqual([...distribution.counts()]);
      expect(back.total).toBe(distribution.total);
    }),
  );
});

test('what we write, hdr-histogram-js reads, count for count', () => {
  fc.assert(
    fc.property(recorded, (input) => {
      const distribution = ours(input);
      const read = decodeFromCompressedBase64(encodeHistogram(distribution), 64) as JsHistogram;
      const { length } = distribution.buckets;
      expect(countsOf(read, length)).toEqual(
        Array.from({ length }, (_, index) => distribution.countAt(index)),
      );
      expect(read.totalCount).toBe(distribution.total);
      expect(read.numberOfSignificantValueDigits).toBe(input.digits);
      expect(read.highestTrackableValue).toBe(HIGHEST);
      if (distribution.total > 0) {
        // Past 2^35 values the two may round a rank differently.
        for (const percent of distribution.total < 2 ** 35 ? [0, 50, 99, 99.9, 100] : []) {
          expect(read.getValueAtPercentile(percent)).toBe(distribution.percentile(percent));
        }
        expect(read.maxValue).toBe(distribution.max);
        expect(Math.abs(read.mean - distribution.mean)).toBeLessThanOrEqual(1e-9 * distribution.mean);
      }
    }),
    { numRuns: 60 },
  );
});

test('what hdr-histogram-js writes, we read, count for count', () => {
  fc.assert(
    fc.property(recorded, (input) => {
      const read = decodeHistogram(encodeIntoCompressedBase64(theirs(input)));
      expect([...read.counts()]).toEqual([...ours(input).counts()]);
    }),
    { numRuns: 60 },
  );
});

test('the two agree byte for byte on the counts', () => {
  const input: Recorded = {
    digits: 2,
    values: [
      [0, 1],
      [1, 64],
      [3, 2 ** 35],
      [700, 5],
      [1e9, 2 ** 40],
    ],
  };
  const payload = (base64: string) => inflateSync(Buffer.from(base64, 'base64').subarray(8)).subarray(40);
  expect(payload(encodeHistogram(ours(input)))).toEqual(payload(encodeIntoCompressedBase64(theirs(input))));
});

test('the comparison sees one count that is one off', () => {
  const input: Recorded = {
    digits: 2,
    values: [
      [5, 1],
      [900, 7],
    ],
  };
  const off: Recorded = {
    digits: 2,
    values: [
      [5, 1],
      [900, 8],
    ],
  };
  expect([...decodeHistogram(encodeIntoCompressedBase64(theirs(off))).counts()]).not.toEqual([
    ...ours(input).counts(),
  ]);
});

describe('what is not an encoded histogram is refused, and why is said', () => {
  const good = Buffer.from(
    encodeHistogram(
      ours({
        digits: 2,
        values: [
          [5, 1],
          [1e6, 3],
        ],
      }),
    ),
    'base64',
  );
  const changed = (change: (bytes: Buffer) => Buffer | undefined) => {
    const bytes = Buffer.from(good);
    return (change(bytes) ?? bytes).toString('base64');
  };
  const scaled = build({ lowestDiscernibleValue: 1000, highestTrackableValue: HIGHEST, bitBucketSize: 64 });
  scaled.recordValue(5000);
  test.each([
    ['nothing', '', /V2 compressed/],
    ['text', 'hello, histogram', /V2 compressed/],
    ['cut off', changed((bytes) => bytes.subarray(0, -4)), /cut off/],
    ['a broken stream', changed((bytes) => void bytes.fill(0x55, 12, 20)), /zlib/],
    ['another unit', encodeIntoCompressedBase64(scaled), /lowest value is 1000/],
  ])('%s', (_name, text, message) => {
    expect(() => decodeHistogram(text)).toThrow(message);
    expect(() => decodeHistogram(text)).toThrow(expect.objectContaining({ code: 'ERR_RESULT_FORMAT' }));
  });

  test('any damage of one byte gives a histogram or that error, nothing else', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        try {
          decodeHistogram(changed((bytes) => void bytes.writeUInt8((bytes[at] ?? 0) ^ flip, at)));
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_RESULT_FORMAT' });
        }
      }),
    );
  });
});
