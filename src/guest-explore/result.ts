import type { FailureKind } from './failure.ts';
import type { Lane } from './lanes.ts';
import type { GuestStrategy } from './strategies.ts';

/** A schedule of a guest that fails. */
export type GuestFailure = {
  readonly kind: FailureKind;
  readonly message: string;
  /** Repeats it: `irqloom replay --guest FILE TOKEN`. */
  readonly token: string;
  /** Of the schedule as it was made smaller. */
  readonly preemptions: number;
  readonly turns: number;
  readonly instructions: number;
  /** By the strategy that found it, and in which schedule, from 1. */
  readonly strategy: GuestStrategy | 'undisturbed';
  readonly schedule: number;
  readonly lanes: readonly Lane[];
  /** The console from the moment on. */
  readonly console: readonly string[];
};

/** What a search came to. The JSON of `irqloom explore --guest`. */
export type GuestExploreResult = {
  readonly guest: string;
  readonly strategy: GuestStrategy | 'auto';
  readonly seed: number;
  /** `unknown` where none failed: other schedules may. */
  readonly verdict: 'fail' | 'unknown';
  readonly exhausted: false;
  readonly interrupted?: true;
  readonly schedules: number;
  /** Schedules by how they ended: powered off with status 0, or stopped at their bound with nothing wrong. */
  readonly ended: number;
  readonly bounded: number;
  /** Instructions of that bound. The first, undisturbed schedule may have had a greater one. */
  readonly limit: number;
  readonly seconds: number;
  readonly schedulesPerSecond: number;
  /** Of the boot up to the moment, and of all schedules. */
  readonly bootInstructions: number;
  readonly instructions: number;
  /** 8-byte places of memory through which vCPUs were seen to communicate. */
  readonly sharedPlaces: number;
  readonly failure?: GuestFailure;
  readonly statement: string;
};
