import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LATENCY, type Shape } from '../../src/measure/buckets.ts';
import { Distribution } from '../../src/measure/distribution.ts';
import { Histogram, histogramWords } from '../../src/measure/histogram.ts';
import type { Words } from '../../src/memory/word.ts';

const regionAt = (at: number, shape: Shape = LATENCY) => ({ at, words: histogramWords(shape) });

const fresh = (shape: Shape, at = 0): { words: Words; histogram: Histogram } => {
  const words: Words = new Int32Array(new SharedArrayBuffer(4 * (at + histogramWords(shape))));
  return { words, histogram: new Histogram(words, regionAt(at, shape), shape) };
};

test('what is recorded is read, for any values and from any offset', () => {
  const values = fc.array(fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 3.6e12 })));
  fc.assert(
    fc.property(values, fc.constantFrom(0, 64), (recorded, at) => {
      const { histogram } = fresh(LATENCY, at);
      const plain = new Distribution(LATENCY);
      for (const value of recorded) {
        histogram.record(value);
        plain.record(value);
      }
      expect([...histogram.read().bars()]).toEqual([...plain.bars()]);
      expect(histogram.read().total).toBe(recorded.length);
    }),
  );
});

test('values without a bucket of their own are told apart from good ones', () => {
  const { histogram } = fresh({ highest: 1000, digits: 1 });
  for (const value of [5, -1, Number.NaN, 1e9, Number.POSITIVE_INFINITY]) histogram.record(value);
  expect(histogram.refused).toBe(2);
  expect(histogram.clamped).toBe(2);
  const { buckets } = histogram;
  expect([...histogram.read().counts()]).toEqual([
    [5, 1],
    [buckets.length - 1, 2],
  ]);
});

test('two histograms side by side do not touch each other', () => {
  const size = histogramWords(LATENCY);
  const words: Words = new Int32Array(new SharedArrayBuffer(8 * size));
  const [a, b] = [new Histogram(words, regionAt(0), LATENCY), new Histogram(words, regionAt(size), LATENCY)];
  const { length } = a.buckets;
  for (let index = 0; index < length; index++) {
    a.addAt(index, 2 ** 31);
    b.addAt(index, 7);
  }
  expect(a.read().total).toBe(length * 2 ** 31);
  expect(b.read().total).toBe(length * 7);
  expect([a.clamped, a.refused, b.clamped, b.refused]).toEqual([0, 0, 0, 0]);
});

test('a count goes on past 2^31 and 2^32', () => {
  const { histogram } = fresh(LATENCY);
  histogram.addAt(3, 2 ** 31 - 1);
  histogram.record(3);
  expect(histogram.countAt(3)).toBe(2 ** 31);
  histogram.addAt(3, 2 ** 31 - 1);
  expect(histogram.countAt(3)).toBe(2 ** 32 - 1);
  histogram.record(3);
  expect(histogram.countAt(3)).toBe(2 ** 32);
  histogram.addAt(3, 5e12);
  expect(histogram.countAt(3)).toBe(2 ** 32 + 5e12);
});

test('recordCorrected adds what a stall left out; record does not', () => {
  const [plain, corrected] = [fresh(LATENCY).histogram, fresh(LATENCY).histogram];
  for (let i = 0; i < 1000; i++) {
    const latency = i === 500 ? 50e6 : 2_000; // one each 100 µs, one of which met a stall of 50 ms
    plain.record(latency);
    corrected.recordCorrected(latency, 100e3);
  }
  expect(plain.read().percentile(99)).toBeLessThan(2_100);
  expect(plain.read().total).toBe(1000);
  expect(corrected.read().total).toBe(1499);
  // a third of all starts met the stall; the 99th percentile is 15 starts before its beginning
  expect(corrected.read().percentile(99) / 1e6).toBeCloseTo(48.5, 0);
  // The same correction made afterwards knows the stall only to two digits: one start more or less.
  const afterwards = plain.read().corrected(100e3);
  expect(Math.abs(afterwards.total - 1499)).toBeLessThanOrEqual(1);
  expect(afterwards.percentile(99) / corrected.read().percentile(99)).toBeCloseTo(1, 2);
});

const recorder = new URL('./recorder.mjs', import.meta.url);

test('threads record, a reader merges while they do, and nothing is lost', async () => {
  const each = 400_000;
  const size = histogramWords(LATENCY);
  const words: Words = new Int32Array(new SharedArrayBuffer(4 * (16 + 2 * size)));
  const histograms = [
    new Histogram(words, regionAt(16), LATENCY),
    new Histogram(words, regionAt(16 + size), LATENCY),
  ];
  // Bucket 3 of each starts just below a carry, so that the reader meets some.
  for (const histogram of histograms) histogram.addAt(3, 2 ** 32 - 1000);
  const base = 2 * (2 ** 32 - 1000);
  const workers = [0, 1].map(
    (i) =>
      new Worker(recorder, {
        workerData: { words, region: regionAt(16 + i * size), each, shape: LATENCY, seed: i + 1 },
      }),
  );
  const ends = workers.map(
    (worker) => new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject)),
  );
  const sum = () => {
    const distribution = new Distribution(LATENCY);
    for (const histogram of histograms) histogram.addTo(distribution);
    return distribution.total;
  };
  let last = 0;
  let running = true;
  const done = Promise.all(ends).then(() => {
    running = false;
  });
  while (running) {
    const total = sum();
    expect(total).toBeGreaterThanOrEqual(Math.max(last, base));
    expect(total).toBeLessThanOrEqual(base + 2 * each);
    last = total;
    await new Promise(setImmediate);
  }
  await done;
  expect(sum()).toBe(base + 2 * each);
});
