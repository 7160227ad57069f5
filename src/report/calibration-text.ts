import type { ClockFigures } from '../measure/clock.ts';
import { type CalibrationFigures, isSteady } from '../threads/calibration-figures.ts';
import { table } from './table.ts';
import { factor, time } from './units.ts';

/**
 * The change of a figure: `+12 %`, or `57 ×` where percents would be silly; `–` where the figure was not measured both times.
 */
export function drift(share: number): string {
  if (Number.isNaN(share)) return '–';
  if (share >= 9) return factor(1 + share);
  return `${share < 0 ? '-' : '+'}${Math.abs(100 * share).toFixed(0)} %`;
}

/** The machine's own speed during a run, as lines of text. */
export function calibrationLines(clock: ClockFigures, calibration: CalibrationFigures): string[] {
  const { spinNs, parkNs, eventCountNs, waitAsyncNs, postMessageNs, comlinkNs, moved, steady } = calibration;
  const rows: [string, number, number | null, number][] = [
    ['two threads spin', spinNs.p50, spinNs.p99, moved.spin],
    ['two threads park', parkNs.p50, parkNs.p99, moved.park],
    ['park, event count', eventCountNs.p50, eventCountNs.p99, moved.eventCount],
    ['waitAsync and park', waitAsyncNs, null, moved.waitAsync],
    ['postMessage', postMessageNs, null, moved.postMessage],
    ['comlink call', comlinkNs, null, moved.comlink],
  ];
  const unsteady = [
    ...(isSteady(moved.spin) ? [] : ['spinning']),
    ...(isSteady(moved.park) ? [] : ['parking']),
  ];
  return [
    'calibration: round trips between two threads, in this run',
    table(
      ['', 'p50', 'p99', 'after / before'],
      rows.map(([name, p50, p99, share]) => [name, time(p50), time(p99), drift(share)]),
    ),
    `clock: ${clock.costNs.toFixed(0)} ns a reading, finest step ${clock.resolutionNs} ns`,
    steadyLine(),
  ];

  function steadyLine(): string {
    if (steady) return 'steady: the machine was the same before and after';
    if (Number.isNaN(moved.spin) || Number.isNaN(moved.park))
      return 'not measured: the run ended before the machine was calibrated a second time; ratios use the calibration so far';
    return `unsteady: ${unsteady.join(' and ')} took another time after than before; compare ratios and runs with care`;
  }
}
