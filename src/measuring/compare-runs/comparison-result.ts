import type { Bounds } from '../../measure/confidence.ts';
import type { Path } from '../latency/latency-result.ts';

/** One path in both runs. */
export type PathComparison = Path & {
  readonly verdict: 'faster' | 'slower' | 'no difference seen';
  /** Slower, and by more than is tolerated. */
  readonly regression: boolean;
  /** Median of B by median of A: 1.1 is 10 % slower. */
  readonly ratio: number;
  /** The same of what each run's machine needed without an interrupt. */
  readonly calibrationRatio: number;
  /** Where B / A of the medians lies, with 95 % confidence, by the rank test. */
  readonly bounds: Bounds;
  /** The same questions of the 99th percentiles. */
  readonly p99: TailComparison;
  /** How likely so large a difference is if there is none. */
  readonly p: number;
  /** Cliff's delta, -1 to 1: above zero B is slower. */
  readonly delta: number;
  readonly a: Side;
  readonly b: Side;
};

/** The 99th percentiles of one path in both runs. */
export type TailComparison = Pick<
  PathComparison,
  'verdict' | 'regression' | 'ratio' | 'bounds' | 'p' | 'delta'
>;

/** Medians over the boots of a side: of their medians, and of their 99th percentiles; ns, or multiples of the calibration. */
export type Side = { readonly boots: number; readonly p50: number; readonly p99: number };

/** What `irqloom compare-runs --json` prints. */
export type RunComparison = {
  readonly schemaVersion: 1;
  readonly command: 'compare-runs';
  /** How much slower is still tolerated: 0.1 is 10 %. */
  readonly tolerance: number;
  /** The same for the 99th percentiles; null: these are judged, and none is a regression. */
  readonly p99Tolerance: number | null;
  /** Whether times are multiples of each run's own calibration. */
  readonly relative: boolean;
  readonly steady: boolean;
  /** Whether the calibrations of A and B are alike: if not, the machine was not the same for them. */
  readonly sameMachine: boolean;
  readonly regressions: number;
  readonly paths: readonly PathComparison[];
  /** Paths that only one of the two has. */
  readonly unmatched: readonly string[];
};
