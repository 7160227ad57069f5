/** How far a search has come, for people who wait for it. Plain data. */
export type Progress = {
  readonly stage: 'load' | 'search' | 'shrink';
  /** The scenario's name; empty while it is loaded. */
  readonly scenario: string;
  /** The strategy at work, as it calls itself: `pct(3)`, `dfs(preemptions=2)`. */
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
