import { describe, expect, test } from 'vitest';
import { LATENCY } from '../../src/measure/buckets.ts';
import { Distribution } from '../../src/measure/distribution.ts';
import { type CalibrationRun, Calibrator, TRIPS } from '../../src/threads/calibration.ts';
import { calibrationFigures, isSteady, STEADY_WITHIN } from '../../src/threads/calibration-figures.ts';

/** A run in which every round trip of a kind took the same time, `scale` times 1000 ns and up. */
function runOf(scale: number): CalibrationRun {
  const of = (ns: number) => {
    const distribution = new Distribution(LATENCY);
    distribution.record(ns * scale, 100);
    return distribution;
  };
  return {
    clock: { costNs: 30, resolutionNs: 20 },
    spin: of(1000),
    park: of(2000),
    eventCount: of(3000),
    waitAsync: of(4000),
    postMessage: of(5000),
    comlink: of(6000),
  };
}

describe('calibration', () => {
  test('two alike are steady, and their figures are those of both', () => {
    const figures = calibrationFigures(runOf(1), runOf(1));
    expect(figures.steady).toBe(true);
    expect(figures.moved.spin).toBe(0);
    const within = (ns: number, wanted: number) => expect(Math.abs(ns / wanted - 1)).toBeLessThan(0.01);
    within(figures.spinNs.p50, 1000);
    within(figures.parkNs.p99, 2000);
    within(figures.waitAsyncNs, 4000);
    within(figures.comlinkNs, 6000);
  });

  test('one that moved is unsteady, up or down', () => {
    expect(calibrationFigures(runOf(1), runOf(2)).steady).toBe(false);
    expect(calibrationFigures(runOf(2), runOf(1)).steady).toBe(false);
    expect(isSteady(STEADY_WITHIN)).toBe(true);
    expect(isSteady(1 / (1 + STEADY_WITHIN) - 1)).toBe(true);
    expect(isSteady(STEADY_WITHIN + 0.01)).toBe(false);
  });

  test('every game is played on real threads, and they end', async () => {
    const calibrator = new Calibrator();
    try {
      const run = await calibrator.measure();
      for (const trip of TRIPS) {
        expect(run[trip].total, trip).toBeGreaterThan(10);
        expect(run[trip].min, trip).toBeGreaterThan(0);
      }
      expect(run.clock.costNs).toBeGreaterThan(0);
    } finally {
      await calibrator.close();
    }
    // Its threads have ended: what is asked of them now is refused, and not waited for.
    await expect(calibrator.measure()).rejects.toMatchObject({ code: 'ERR_THREAD_DIED' });
  });
});
