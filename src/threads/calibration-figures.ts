import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { type CalibrationRun, TRIPS, type Trip } from './calibration.ts';

/** Median and 99th percentile of the round trips of one kind, ns. */
type TripFigures = { readonly p50: number; readonly p99: number };

/** A run's measurements of its host, as the JSON has them. Round trips, ns. */
export type CalibrationFigures = {
  /** Two threads that spin: the fastest exchange between threads. */
  readonly spinNs: TripFigures;
  /** Two threads that sleep, with a bare wait and notify. */
  readonly parkNs: TripFigures;
  /** Two threads that sleep in an event count, as the machine's threads do. */
  readonly eventCountNs: TripFigures;
  /** Medians: the main thread in waitAsync and a sleeping thread; a message and its echo; a comlink call. */
  readonly waitAsyncNs: number;
  readonly postMessageNs: number;
  readonly comlinkNs: number;
  /** Whether the host was the same before and after: if not, ratios to the calibration mean little. */
  readonly steady: boolean;
  /** The change of each kind's median from before to after: 0.1 is 10 % up. */
  readonly moved: Readonly<Record<Trip, number>>;
};

/** The largest change of a median in a steady run. */
export const STEADY_WITHIN = 0.25;
/** The kinds that decide steadiness. The others vary with the event loop, and no figure is compared with them alone. */
const DECIDING: readonly Trip[] = ['spin', 'park'];

/** The figures of one calibration before the measurement and one after it. */
export function calibrationFigures(before: CalibrationRun, after: CalibrationRun): CalibrationFigures {
  const both = (trip: Trip): Distribution => new Distribution(LATENCY).merge(before[trip]).merge(after[trip]);
  const ends = (trip: Trip): TripFigures => {
    const distribution = both(trip);
    return { p50: distribution.percentile(50), p99: distribution.percentile(99) };
  };
  const moved = Object.fromEntries(
    TRIPS.map((trip) => [trip, after[trip].percentile(50) / before[trip].percentile(50) - 1]),
  ) as Record<Trip, number>;
  return {
    spinNs: ends('spin'),
    parkNs: ends('park'),
    eventCountNs: ends('eventCount'),
    waitAsyncNs: ends('waitAsync').p50,
    postMessageNs: ends('postMessage').p50,
    comlinkNs: ends('comlink').p50,
    steady: DECIDING.every((trip) => isSteady(moved[trip])),
    moved,
  };
}

/** Whether a median that changed by this share is steady: as a ratio, so up and down count alike. */
export function isSteady(moved: number): boolean {
  return Math.abs(Math.log(1 + moved)) <= Math.log(1 + STEADY_WITHIN);
}
