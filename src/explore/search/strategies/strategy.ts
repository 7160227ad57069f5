import type { Point, Value } from '../../running/operation.ts';

/**
 * The data that a strategy may read while a schedule runs. All are the simulator's own arrays: a strategy
 * never writes to an array, and keeps none past `end`.
 */
export type RunView = {
  readonly threads: number;
  /** Waits time out only when nothing else can go on. */
  readonly late: boolean;
  /** Which schedule this is, from 0. All randomness of a strategy is drawn from (seed, index), so shards agree. */
  readonly index: number;
  /**
   * Number of steps done so far in this schedule; and, for each step, its thread, its operation, its effect
   * (READ | WRITE | QUEUE | ALL), and the threads that the step woke.
   */
  readonly steps: number;
  readonly stepThread: Uint8Array;
  readonly stepPoint: readonly Point[];
  readonly stepEffect: Uint8Array;
  readonly stepWoke: Int32Array;
  /** Where a step's thread had waited in a loop: the looks of that loop, all of which the thread awaited a change of. */
  readonly stepAwaits: readonly (readonly Point[] | undefined)[];
  /**
   * The looks of the loop in which a thread waits now, oldest first; undefined if the thread waits in no
   * loop.
   */
  loopAt(t: number): readonly Point[] | undefined;
  /** By thread: the next operation. */
  readonly pending: readonly Point[];
  /** By thread: operations done so far in this schedule. */
  readonly done: Int32Array;
  /** By thread: the answers to its operations in this schedule; a sleeping thread has none to its last. */
  readonly answers: readonly (readonly Value[])[];
  /** Threads get nothing from shared memory but by these answers, and no plain access is a step. */
  readonly isClosed: boolean;
  /** Threads that could do their next operation now, as bits. */
  readonly enabled: number;
  /** Threads that wait in Atomics.wait, as bits. */
  readonly waiting: number;
};

/** How a schedule ended, for `end`. */
export type RunEnd = 'ended' | 'failed' | 'stuck' | 'pruned' | 'limit';

/**
 * Number of schedules after which a random strategy forgets the facts learnt from its schedules (their
 * length). So schedule i is the same in every process, as long as no block is split.
 */
export const BLOCK = 1024;

/** An answer of `choose` that abandons the schedule, because the schedule can show nothing new. */
export const PRUNE = -1;

/**
 * Decides, at each step, which thread goes on.
 */
export type Strategy = {
  readonly name: string;
  /** `choose` is called before each step, and not only where more than one thread is enabled. */
  readonly everyStep: boolean;
  /** The step arrays are filled in, and `choose` is called before each step. */
  readonly watches: boolean;
  /** The strategy repeats a schedule that was run before, and chooses at all of its steps, for any length. */
  readonly follows?: true;
  /**
   * After a thread has thrown, the others go on as if the thread had ended. Such a run is no schedule of the
   * program, so the strategy has to count it among `repeats`.
   */
  readonly goesOn?: boolean;
  /**
   * So many waits of a schedule get an answer as if a notify had come at once, to find the next operation of
   * a woken thread.
   */
  readonly pretendedWakeups?: number;
  /**
   * Prepares a schedule. `again`: the last schedule has to be repeated from its start with the same choices,
   * as far as they are possible (the simulator had guessed a thread's next operation wrongly); `end` was not
   * called for that schedule.
   * @returns false when there is nothing left to run.
   */
  begin(run: RunView, again: boolean): boolean;
  /**
   * @param enabled - the threads to choose from, as bits; never 0.
   * @param current - the thread of the last step, -1 at the first.
   * @returns the thread, or PRUNE.
   */
  choose(enabled: number, current: number): number;
  end(how: RunEnd): void;
  /**
   * After `end`: another schedule was the same but for the order of steps that do not conflict; this one is
   * not counted.
   */
  readonly repeats?: boolean;
  /** After `end`: the schedule is one of another part of the search, and counts for nothing in this one. */
  readonly retraced?: boolean;
};

/** The k-th (from 0) of the threads in a set of bits. */
export function nthThread(set: number, k: number): number {
  for (; k > 0; k--) set &= set - 1;
  return 31 - Math.clz32(set & -set);
}

/** How many threads are in a set of bits. */
export function countThreads(set: number): number {
  let n = 0;
  for (; set !== 0; set &= set - 1) n++;
  return n;
}
