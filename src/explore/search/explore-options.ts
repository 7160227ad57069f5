import type { Timeouts } from '../running/simulator-options.ts';
import type { SearchOptions } from './phases.ts';
import type { Progress } from './progress.ts';
import type { Shard } from './split.ts';

export type ExploreOptions = SearchOptions & {
  /** Stop after that many seconds; 60 where not given. */
  readonly seconds?: number;
  /** A schedule with more steps than that is given up as a failure; 10,000 where not given. */
  readonly steps?: number;
  /** When a wait with a timeout may time out; `late` where not given: when nothing else can go on. */
  readonly timeouts?: Timeouts;
  /** Count every failing schedule, in the place of stopping at the first. */
  readonly all?: boolean;
  /** Look for the smallest schedule that fails; on where not given. */
  readonly shrink?: boolean;
  /**
   * This process's share: whole blocks of a random strategy's schedules, subtrees of `dfs` and `dpor`,
   * taken in turn.
   */
  readonly shard?: Shard;
  /** Whether a schedule with a data race fails, or races are only listed, as where not given. */
  readonly dataRaces?: 'list' | 'fail';
  /** A thread that comes to no operation for so long counts as endless; see `hangSecondsOf`. */
  readonly hangSeconds?: number;
  /** One shared word; the search stops at its next batch of schedules when another thread stores a value other than 0. */
  readonly stopWord?: Int32Array;
  /** Called between two batches of schedules, about ten times a second, in the thread that searches. */
  readonly onProgress?: (progress: Progress) => void;
};

export const DEFAULT_SECONDS = 60;
export const DEFAULT_STEPS = 10_000;
/** How long a thread may come to no operation: 10 s, or less where the search has less than 50 s, to be told in time. */
export function hangSecondsOf({ hangSeconds, seconds = DEFAULT_SECONDS }: ExploreOptions): number {
  return hangSeconds ?? Math.min(10, Math.max(1, seconds / 5));
}
