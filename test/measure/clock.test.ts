import { expect, test } from 'vitest';
import { CLOCK_WORDS, Clock, calibrateClock, startClock } from '../../src/measure/clock.ts';
import type { Words } from '../../src/memory/word.ts';

const region = { at: 0, words: CLOCK_WORDS };
const fresh = (): Words => new Int32Array(new SharedArrayBuffer(4 * CLOCK_WORDS));

const started = (): Clock => {
  const words = fresh();
  startClock(words, region);
  return new Clock(words, region);
};

test('the clock counts from boot and agrees with hrtime, which it brackets', () => {
  const before = process.hrtime.bigint();
  const words = fresh();
  startClock(words, region);
  const after = process.hrtime.bigint();
  const clock = new Clock(words, region);

  for (let i = 0; i < 1_000; i++) {
    const low = process.hrtime.bigint();
    const ns = clock.now();
    const high = process.hrtime.bigint();
    expect(Number.isInteger(ns)).toBe(true);
    expect(ns).toBeGreaterThanOrEqual(Number(low - after));
    expect(ns).toBeLessThanOrEqual(Number(high - before));
  }
});

test('two clocks over the same words are one clock', () => {
  const words = fresh();
  startClock(words, region);
  const [a, b] = [new Clock(words, region), new Clock(words, region)];
  for (let i = 0; i < 1_000; i++) {
    const first = a.now();
    const second = b.now();
    expect(second).toBeGreaterThanOrEqual(first);
    expect(a.now()).toBeGreaterThanOrEqual(second);
  }
});

test.each([
  ['ten days', 10n],
  ['a hundred days', 100n],
])('a machine that was booted %s ago still tells single nanoseconds apart', (_name, days) => {
  const words = fresh();
  const bootNs = process.hrtime.bigint() - days * 86_400n * 1_000_000_000n;
  new BigInt64Array(words.buffer)[0] = bootNs;
  const clock = new Clock(words, region);
  const low = process.hrtime.bigint() - bootNs;
  const ns = BigInt(clock.now());
  const high = process.hrtime.bigint() - bootNs;
  expect(ns >= low && ns <= high).toBe(true);
});

test('a clock that was never started is refused', () => {
  expect(() => new Clock(fresh(), region)).toThrow(expect.objectContaining({ code: 'ERR_LAYOUT' }));
});

test('calibration finds a read to cost something, and a step no finer than the clock has', () => {
  const { costNs, resolutionNs } = calibrateClock(started(), 20);
  expect(costNs).toBeGreaterThan(0);
  expect(resolutionNs).toBeGreaterThanOrEqual(1);
  expect(Number.isInteger(resolutionNs)).toBe(true);
});

test('calibration sees the step of a coarse clock and the cost of a slow one', () => {
  let ns = 0;
  const every = (step: number, reads: number) =>
    ({ now: () => Math.floor(ns++ / reads) * step }) as unknown as Clock;
  expect(calibrateClock(every(40, 1), 2)).toEqual({ costNs: 40, resolutionNs: 40 });
  expect(calibrateClock(every(100, 4), 2)).toEqual({ costNs: 25, resolutionNs: 100 });
});

test('the clock follows hrtime where an explorer has replaced it', () => {
  const clock = started();
  const { bigint } = process.hrtime;
  const frozen = bigint();
  process.hrtime.bigint = () => frozen;
  try {
    expect(clock.now()).toBe(clock.now());
  } finally {
    process.hrtime.bigint = bigint;
  }
  const times = new Set(Array.from({ length: 1000 }, () => clock.now()));
  expect(times.size).toBeGreaterThan(1);
});
