import type { Range } from '../memory/ownership.ts';

/** When a wait with a timeout may time out: when nothing else can go on, at any step, or never. */
export type Timeouts = 'late' | 'any' | 'never';

export type SimulatorOptions = {
  /**
   * The strategy chooses for so many steps. A schedule that has not come to its end then goes on fairly, by lot, for as
   * many again: where it ends so, it is cut off; where it does not, it does not end at all.
   */
  readonly maxSteps: number;
  readonly timeouts: Timeouts;
  /** How long `setup` may take, ms; 10 s where not given. */
  readonly hangMs?: number;
  /** A schedule with a data race fails. */
  readonly failsOnRace?: boolean;
  /** Bytes that are known to be shared by plain accesses; others are found in the search. */
  readonly shared?: readonly Range[];
};
