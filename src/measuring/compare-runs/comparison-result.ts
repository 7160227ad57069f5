import type { Bounds } from '../../measure/confidence.ts';
import type { Path } from '../latency/latency-result.ts';

/** One path in both runs. */
export type PathComparison = Path & {
  readonly verdict: 'faster' | 'slower' | 'no difference seen';
  /** Slower by more than the tolerance. */
  readonly regression: boolean;
  /** Median of B divided by median of A: 1.1 is 10 % slower. */
  readonly ratio: number;
  /** Calibration of B divided by calibration of A. */
  readonly calibrationRatio: number;
  /** 95 % confidence interval of the ratio of medians, by the rank test. */
  readonly bounds: Bounds;
  /** The comparison of the 99th percentiles. */
  readonly p99: TailComparison;
  /** p-value: the probability of so large a difference between equal distributions. */
  readonly p: number;
  /** Cliff's delta, -1 to 1; positive: B is slower. */
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

/** The output of `irqloom compare-runs --json`. */
export type RunComparison = {
  readonly schemaVersion: 1;
  readonly command: 'compare-runs';
  /** The largest tolerated slowdown of a median: 0.1 is 10 %. */
  readonly tolerance: number;
  /** The largest tolerated slowdown of a 99th percentile; null: no 99th percentile counts as a regression. */
  readonly p99Tolerance: number | null;
  /** Whether times are multiples of each run's own calibration. */
  readonly relative: boolean;
  readonly steady: boolean;
  /** Whether the calibrations of A and B agree. If not, the host was faster for one of the runs. */
  readonly sameMachine: boolean;
  readonly regressions: number;
  readonly paths: readonly PathComparison[];
  /** Paths that only one of the runs has. */
  readonly unmatched: readonly string[];
};
