import { describe, expect, test } from 'vitest';
import { NO_DELAY, type Perturbation, Timing } from '../../../src/memory/perturbation/timing.ts';

const WINDOWS = 8;

function timing(perturbation: Perturbation, { thread = 1, threads = 4, seed = 7 } = {}): Timing {
  return new Timing({ perturbation, seed, thread, threads, windows: WINDOWS });
}

/** The delays and gaps of so many visits, one window after the other, 1 ms apart. */
function visits(of: Timing, count: number): { window: number; delay: number; gap: number }[] {
  return Array.from({ length: count }, (_, visit) => {
    const window = visit % WINDOWS;
    const delay = of.delayAt(window, visit);
    return { window, delay, gap: of.gapAfter(delay, visit) };
  });
}

describe('delays are drawn from the seed', () => {
  test.each(['uniform', 'slow-thread', 'windows', 'mixed'] as const)(
    '%s: a seed gives the same delays again, and another seed gives others',
    (perturbation) => {
      const first = visits(timing(perturbation), 500);
      expect(visits(timing(perturbation), 500)).toEqual(first);
      expect(visits(timing(perturbation, { seed: 8 }), 500)).not.toEqual(first);
      expect(first.some(({ delay }) => delay !== NO_DELAY)).toBe(true);
      for (const { gap } of first) expect(gap).toBeGreaterThan(0);
    },
  );

  test('two threads of one seed are delayed differently', () => {
    expect(visits(timing('uniform', { thread: 2 }), 100)).not.toEqual(visits(timing('uniform'), 100));
  });
});

describe('one slow thread', () => {
  test('at every moment exactly one of the threads is delayed', () => {
    const threads = Array.from({ length: 4 }, (_, thread) => timing('slow-thread', { thread }));
    for (let ms = 0; ms < 2_000; ms += 10)
      expect(
        threads.filter((each) => each.delayAt(0, ms) !== NO_DELAY),
        `at ${ms} ms`,
      ).toHaveLength(1);
  });

  test('every thread has its turn', () => {
    for (let thread = 0; thread < 4; thread++) {
      const delays = visits(timing('slow-thread', { thread }), 5_000).map(({ delay }) => delay);
      expect(delays.some((delay) => delay !== NO_DELAY)).toBe(true);
    }
  });
});

describe('windows', () => {
  test('a rare window is chosen at its first visit, however often another one was chosen before', () => {
    const of = timing('windows');
    for (let visit = 0; visit < 10_000; visit++) of.delayAt(0, visit);
    expect(of.delayAt(1, 0)).not.toBe(NO_DELAY);
  });

  test('a window that was chosen is passed by while others were not', () => {
    const of = timing('windows');
    expect(of.delayAt(0, 0)).not.toBe(NO_DELAY);
    expect(of.delayAt(0, 1)).toBe(NO_DELAY);
  });

  test('the only window that a thread comes through is chosen again in time', () => {
    const of = timing('windows');
    const stops = Array.from({ length: 5_000 }, (_, visit) => of.delayAt(0, visit)).filter(
      (delay) => delay !== NO_DELAY,
    );
    expect(stops.length).toBeGreaterThan(5);
  });
});

describe('reader sections', () => {
  /** Stops inside, of a thread that is inside for one operation of a hundred. */
  const stopsInside = (isSeen: boolean) => {
    const of = timing('windows');
    const stops = { inside: 0, outside: 0 };
    for (let visit = 0; visit < 40_000; visit++) {
      const inside = visit % 100 === 0;
      if (of.delayAt(visit % WINDOWS, visit, isSeen && inside) !== NO_DELAY)
        stops[inside ? 'inside' : 'outside']++;
    }
    return stops.inside / (stops.inside + stops.outside);
  };

  test('are where about half of the long stops are, however short they are', () => {
    expect(stopsInside(true)).toBeGreaterThan(0.3);
    expect(stopsInside(false)).toBeLessThan(0.1);
  });
});
