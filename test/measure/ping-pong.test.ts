import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { LATENCY } from '../../src/measure/buckets.ts';
import { CLOCK_WORDS, Clock, startClock } from '../../src/measure/clock.ts';
import { Histogram, histogramWords } from '../../src/measure/histogram.ts';
import {
  offsetPing,
  PING_PONG_WORDS,
  parkPing,
  parkPong,
  spinPing,
  spinPong,
} from '../../src/measure/ping-pong.ts';
import { Layout } from '../../src/memory/layout.ts';
import type { Words } from '../../src/memory/word.ts';

const layout = new Layout();
const regions = {
  game: layout.region('game', PING_PONG_WORDS),
  clock: layout.region('clock', CLOCK_WORDS),
  histogram: layout.region('histogram', histogramWords(LATENCY)),
};

const table = () => {
  const words: Words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  startClock(words, regions.clock);
  return {
    words,
    clock: new Clock(words, regions.clock),
    histogram: new Histogram(words, regions.histogram, LATENCY),
  };
};

/** Starts the other side in a thread of its own and runs `body` here. */
const against = async <T>(
  words: Words,
  game: string,
  rounds: number,
  body: () => T,
  clockShiftNs = 0,
): Promise<T> => {
  const workerData = { words, regions, game, rounds, clockShiftNs };
  const worker = new Worker(new URL('./ponger.mjs', import.meta.url), { workerData });
  const ended = new Promise<number>((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  await new Promise((resolve) => worker.once('online', resolve));
  try {
    const result = body();
    expect(await ended).toBe(0);
    return result;
  } finally {
    await worker.terminate();
  }
};

test.each([
  ['spin', spinPing, 2_000],
  ['park', parkPing, 300],
] as const)('%s: each round trip is recorded once, game after game', async (game, ping, rounds) => {
  const { words, clock, histogram } = table();
  for (let games = 1; games <= 2; games++) {
    const start = clock.now();
    await against(words, game, rounds, () => ping(words, regions.game, rounds, clock, histogram));
    const elapsed = clock.now() - start;
    const distribution = histogram.read();
    expect(distribution.total).toBe(games * rounds);
    expect(distribution.min).toBeGreaterThan(0);
    expect(distribution.percentile(50) * rounds * 0.4).toBeLessThan(elapsed);
  }
});

test('the clocks of two threads are one clock, to the fastest round trip', async () => {
  const { words, clock } = table();
  const { low, high } = await against(words, 'offset', 2_000, () =>
    offsetPing(words, regions.game, 2_000, clock),
  );
  expect(low).toBeLessThanOrEqual(0);
  expect(high).toBeGreaterThanOrEqual(0);
});

test('a thread whose clock is a second ahead is found out', async () => {
  const { words, clock } = table();
  const { low, high } = await against(
    words,
    'offset',
    200,
    () => offsetPing(words, regions.game, 200, clock),
    1e9,
  );
  expect(low).toBeGreaterThan(0);
  expect(low).toBeLessThanOrEqual(1e9);
  expect(high).toBeGreaterThanOrEqual(1e9);
});

test.each([
  ['spinPing', (words: Words) => spinPing(words, regions.game, 1, table().clock, table().histogram, 30)],
  ['spinPong', (words: Words) => spinPong(words, regions.game, 1, 30)],
  ['parkPing', (words: Words) => parkPing(words, regions.game, 1, table().clock, table().histogram, 30)],
  ['parkPong', (words: Words) => parkPong(words, regions.game, 1, 30)],
])('%s gives up on a partner that is not there', (_name, play) => {
  expect(() => play(table().words)).toThrow(
    expect.objectContaining({ code: 'ERR_THREAD_SILENT', message: expect.stringContaining('within 30 ms') }),
  );
});
