/** The progress of a search, for people who wait for the result. Plain data. */
export type Progress = {
  readonly stage: 'load' | 'search' | 'shrink';
  /** The scenario's name; empty during loading. */
  readonly scenario: string;
  /** The name of the current strategy: `pct(3)`, `dfs(preemptions=2)`. */
  readonly phase: string;
  readonly schedules: number;
  readonly steps: number;
  /** Since the search began. */
  readonly seconds: number;
  /** Of the phase, 0 to 1, where that can be estimated. */
  readonly fraction?: number;
  /** A schedule has failed. */
  readonly failed: boolean;
};
