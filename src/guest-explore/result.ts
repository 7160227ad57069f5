import type { FailureKind } from './failure.ts';
import type { Lane } from './lanes.ts';
import type { GuestStrategy } from './strategies.ts';

/** A failing schedule of a guest. */
export type GuestFailure = {
  readonly kind: FailureKind;
  readonly message: string;
  /** The token that repeats the failure: `irqloom replay --guest FILE TOKEN`. */
  readonly token: string;
  /** Preemptions of the shrunk schedule; `turns` and `instructions` likewise. */
  readonly preemptions: number;
  readonly turns: number;
  readonly instructions: number;
  /** The strategy that found the failure; `schedule`: the schedule's number, from 1. */
  readonly strategy: GuestStrategy | 'undisturbed';
  readonly schedule: number;
  readonly lanes: readonly Lane[];
  /** The console since the start point. */
  readonly console: readonly string[];
};

/** The result of a search: the JSON of `irqloom explore --guest`. */
export type GuestExploreResult = {
  readonly guest: string;
  readonly strategy: GuestStrategy | 'auto';
  readonly seed: number;
  /** `unknown`: no schedule failed, but others may. */
  readonly verdict: 'fail' | 'unknown';
  readonly exhausted: false;
  readonly interrupted?: true;
  readonly schedules: number;
  /** Schedules in which the guest powered off with status 0; `bounded`: that reached the bound without a failure. */
  readonly ended: number;
  readonly bounded: number;
  readonly seconds: number;
  readonly schedulesPerSecond: number;
  /** Instructions of the boot up to the start point; `instructions`: of all schedules. */
  readonly bootInstructions: number;
  readonly instructions: number;
  /** Granules of 8 bytes through which vCPUs communicated in the learning schedules. */
  readonly sharedPlaces: number;
  readonly failure?: GuestFailure;
  readonly statement: string;
};
