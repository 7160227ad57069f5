import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { type CalibrationRun, TRIPS, type Trip } from './calibration.ts';

/** Half and the slow end of the round trips of one kind, ns. */
type TripFigures = { readonly p50: number; readonly p99: number };

/** What the JSON of a run says of the machine that it ran on. Round trips, ns. */
export type CalibrationFigures = {
  /** Two threads that spin: the fastest that threads can talk. */
  readonly spinNs: TripFigures;
  /** Two threads that sleep, on a bare wait and notify. */
  readonly parkNs: TripFigures;
  /** Two threads that sleep as the machine's do, in an event count. */
  readonly eventCountNs: TripFigures;
  /** Medians: the main thread in waitAsync and a thread asleep; a message and its echo; a comlink call. */
  readonly waitAsyncNs: number;
  readonly postMessageNs: number;
  readonly comlinkNs: number;
  /** Whether the machine was the same before and after: if not, ratios to the calibration mean little. */
  readonly steady: boolean;
  /** By how much the median of each kind moved from before to after: 0.1 is 10 % up. */
  readonly moved: Readonly<Record<Trip, number>>;
};

/** A median that moves further than this between before and after makes a run unsteady. */
export const STEADY_WITHIN = 0.25;
/** The kinds that decide: the others wander with the event loop, and nothing is compared with them alone. */
const DECIDING: readonly Trip[] = ['spin', 'park'];

/** One calibration from before the measurement and one from after it. */
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

/** Whether a median that moved by this share is the same one: taken as a ratio, so up and down count alike. */
export function isSteady(moved: number): boolean {
  return Math.abs(Math.log(1 + moved)) <= Math.log(1 + STEADY_WITHIN);
}
