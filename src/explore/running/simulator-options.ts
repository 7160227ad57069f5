import type { Range } from '../memory/ownership.ts';

/** When a wait with a timeout may time out: when no thread can go on otherwise, at any step, or never. */
export type Timeouts = 'late' | 'any' | 'never';

export type SimulatorOptions = {
  /**
   * The number of steps that the strategy chooses. A longer schedule then goes on fairly, by lot, for as many
   * steps again: a schedule that ends there counts as cut off, any other as endless.
   */
  readonly maxSteps: number;
  readonly timeouts: Timeouts;
  /** Bound of `setup`, ms; default 10 s. */
  readonly hangMs?: number;
  /** Whether a schedule with a data race fails. */
  readonly failsOnRace?: boolean;
  /** Bytes known to be shared by plain accesses; the search finds others. */
  readonly shared?: readonly Range[];
};
