import { expect, test } from 'vitest';
import { calibrationLines, drift } from '../../src/report/calibration-text.ts';
import type { CalibrationFigures } from '../../src/threads/calibration-figures.ts';

const CLOCK = { costNs: 28, resolutionNs: 20 };
const trip = { p50: 150, p99: 300 };

function figures(share: number): CalibrationFigures {
  const moved = {
    spin: share,
    park: share,
    eventCount: share,
    waitAsync: share,
    postMessage: share,
    comlink: share,
  };
  const steady = Math.abs(share) < 0.2;
  const ends = {
    spinNs: trip,
    parkNs: trip,
    eventCountNs: trip,
    waitAsyncNs: 1,
    postMessageNs: 1,
    comlinkNs: 1,
  };
  return { ...ends, steady, moved };
}

test('a missing calibration counts as not measured, and not as unsteady', () => {
  const text = calibrationLines(CLOCK, figures(Number.NaN)).join('\n');
  expect(text).not.toMatch(/NaN|unsteady/);
  expect(text).toMatch(/not measured: the run ended before/);
  expect(drift(Number.NaN)).toBe('–');
});

test('a machine whose calibration moved is unsteady, and another is steady', () => {
  expect(calibrationLines(CLOCK, figures(0.5)).at(-1)).toMatch(/^unsteady: spinning and parking/);
  expect(calibrationLines(CLOCK, figures(0.01)).at(-1)).toMatch(/^steady/);
});
