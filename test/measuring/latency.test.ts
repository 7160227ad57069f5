import { describe, expect, test } from 'vitest';
import { decodeHistogram } from '../../src/measure/hdr-format.ts';
import {
  type LatencyResult,
  type Path,
  SIGNALS,
  STRETCHES,
  WAITINGS,
} from '../../src/measuring/latency/latency-result.ts';
import { type LatencyOptions, runLatency } from '../../src/measuring/latency/latency-run.ts';
import { nap } from '../../src/memory/nap.ts';
import type { Dispatched } from '../../src/threads/dispatcher.ts';

const PATH: Path = { source: 'irqfd', dispatch: 'inline', waiting: 'parked' };

const ALL_PATHS = SIGNALS.flatMap((source) =>
  (['inline', 'main'] as const)
    .filter((dispatch) => source !== 'sgi' || dispatch === 'inline')
    .flatMap((dispatch) => WAITINGS.map((waiting): Path => ({ source, dispatch, waiting }))),
);

function options(given: Partial<LatencyOptions> = {}): LatencyOptions {
  return {
    paths: [PATH],
    vcpus: 1,
    devices: 1,
    background: 'none',
    others: 1,
    handlerNs: 0,
    samples: 16,
    rate: 0,
    seconds: 20,
    ...given,
  };
}

/** What every measurement owes. */
function expectSound({ paths }: LatencyResult) {
  for (const { staged, unpaired, count, histogram, latencyNs, lines } of paths) {
    expect(unpaired).toBe(0);
    expect(count).toBeGreaterThan(0);
    expect(staged.count).toBe(count);
    expect(decodeHistogram(histogram).total).toBe(count);
    expect(latencyNs.max).toBeGreaterThanOrEqual(latencyNs.p50 ?? Number.NaN);
    expect(lines.reduce((sum, line) => sum + line.count, 0)).toBe(count);
    // Exact: each event's stages begin where the one before ended.
    const sum = STRETCHES.reduce((total, stretch) => total + staged.sumsNs[stretch], 0);
    expect(sum).toBe(staged.wholeSumNs);
  }
}

describe('a measurement', () => {
  test('latency follows every signal on every path, and the stages sum to the whole', async () => {
    const { result, pictures } = await runLatency(options({ paths: ALL_PATHS }));
    expect(result.paths.map(({ source, dispatch, waiting }) => ({ source, dispatch, waiting }))).toEqual(
      ALL_PATHS,
    );
    expectSound(result);
    for (const deliveries of pictures.deliveries) {
      expect(deliveries.length).toBeGreaterThan(0);
      for (const { signal, ends, acknowledged } of deliveries) {
        expect([signal, ...ends]).toEqual([signal, ...ends].sort((a, b) => a - b));
        expect(ends[STRETCHES.indexOf('acknowledged')]).toBe(acknowledged);
      }
    }
  });

  test('latency boots at most one machine a round, splits the signals, and reports the number of boots', async () => {
    const { result, pictures } = await runLatency(options({ samples: 2, boots: 3 }));
    expectSound(result);
    expect(result.config.boots).toBe(2);
    expect(result.paths[0]?.blocks.map(({ boot, count }) => [boot, count])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    // One clock for all of them: a machine's signals come after those of the one before.
    const times = pictures.points[0]?.map(([atNs]) => atNs) ?? [];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('latency boots the requested number of machines, even for few signals', {
    timeout: 180_000,
  }, async () => {
    const { result } = await runLatency(options({ samples: 12, boots: 6 }));
    expectSound(result);
    expect(result.config.boots).toBe(6);
    expect(result.paths[0]?.blocks.map(({ boot, count }) => [boot, count])).toEqual(
      [0, 1, 2, 3, 4, 5].map((boot) => [boot, 2]),
    );
  });

  test('each device signals each vCPU, with a background that sleeps, computes or is stormed', async () => {
    for (const background of ['parked', 'busy', 'storming'] as const) {
      const given = { vcpus: 2, devices: 2, samples: 16, background, paths: [PATH] };
      const { result } = await runLatency(options(given));
      expectSound(result);
      expect(result.paths[0]?.lines.map(({ device, vcpu, count }) => [device, vcpu, count])).toEqual([
        [0, 0, 4],
        [0, 1, 4],
        [1, 0, 4],
        [1, 1, 4],
      ]);
    }
  });

  test('an SGI, sent by one vCPU for all devices, counts once', async () => {
    const paths: Path[] = [{ source: 'sgi', dispatch: 'inline', waiting: 'parked' }];
    const { result } = await runLatency(options({ vcpus: 2, devices: 2, samples: 16, paths }));
    expectSound(result);
    expect(result.paths[0]?.count).toBe(16);
  });

  test.each([1_000, 10_000, 100_000, 1_000_000, 10_000_000])(
    'a handler that runs for %d ns is measured as such, within the stated error',
    async (handlerNs) => {
      const { result, pictures } = await runLatency(
        options({ handlerNs, samples: handlerNs < 100_000 ? 2048 : 24 }),
      );
      const handled = pictures.stages[0]?.handled;
      const { relative, absoluteNs } = result.error;
      const agrees = (ns: number) => {
        const far = (handled?.min ?? Number.NaN) - ns;
        return far >= -relative * ns && far <= relative * ns + absoluteNs;
      };
      // The guest runs for that long at least; the shortest of its runs was not kept from the core.
      expect(agrees(handlerNs)).toBe(true);
      expect(agrees(handlerNs * 1.25)).toBe(false);
      expect(agrees(handlerNs * 0.6)).toBe(false);
    },
  );
});

/** Serves as `inner` does; calls `before` ahead of each event that it serves. */
function slowed(inner: Dispatched, before: (served: number) => void): Dispatched {
  let served = 0;
  return {
    bell: inner.bell,
    get anyPending() {
      return inner.anyPending;
    },
    dispatchPending() {
      if (inner.anyPending) before(served++);
      return inner.dispatchPending();
    },
  };
}

describe('coordinated omission', () => {
  const STALL_MS = 50;
  const MAIN: Path = { source: 'irqfd', dispatch: 'main', waiting: 'parked' };
  const atRate = options({ paths: [MAIN], samples: 256, rate: 2000 });
  const slow = 10e6;

  /** How many values of the distribution are slower than `slow`, corrected and not. */
  async function count(stallAt: number) {
    const { result, pictures } = await runLatency(atRate, {
      dispatched: (inner) =>
        slowed(inner, (served) => {
          if (served === stallAt) nap(STALL_MS);
        }),
    });
    expectSound(result);
    const above = (counts: Iterable<{ from: number; count: number }> = []) =>
      [...counts].reduce((sum, bar) => sum + (bar.from > slow ? bar.count : 0), 0);
    return {
      corrected: above(pictures.latency[0]?.bars()),
      uncorrected: above(pictures.uncorrected[0]?.bars()),
      max: result.paths[0]?.latencyNs.max ?? 0,
    };
  }

  test('a stall of the dispatcher shows in the corrected histogram, and not in the uncorrected one', async () => {
    // Blocks of an eighth of a second: two that warm up, then the one that counts, somewhere in which the stall falls.
    const stalled = await count(2 * 250 + 80);
    expect(stalled.max).toBeGreaterThan(STALL_MS * 1e6 * 0.95);
    // 100 signals were due in those 50 ms, 80 of them more than 10 ms before its end. The check fails on the other one.
    const asItShould = (slowOnes: number) => slowOnes >= 70;
    expect(asItShould(stalled.corrected)).toBe(true);
    expect(asItShould(stalled.uncorrected)).toBe(false);
    expect(stalled.uncorrected).toBeGreaterThan(0);
  });
});
