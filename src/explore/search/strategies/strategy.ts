import type { Point } from '../../running/operation.ts';

/**
 * What a strategy may look at while a schedule runs. All are the simulator's own arrays: read, never write, and keep
 * none of it past `end`.
 */
export type RunView = {
  readonly threads: number;
  /** Waits time out only when nothing else can go on. */
  readonly late: boolean;
  /** Which schedule this is, from 0. All randomness of a strategy is drawn from (seed, index), so shards agree. */
  readonly index: number;
  /** Steps done so far in this schedule, and for each of them: its thread, its operation, its effect (READ | WRITE | QUEUE | ALL), the threads it woke. */
  readonly steps: number;
  readonly stepThread: Uint8Array;
  readonly stepPoint: readonly Point[];
  readonly stepEffect: Uint8Array;
  readonly stepWoke: Int32Array;
  /** Where a step's thread had waited in a loop: the looks of that loop, all of which the thread awaited a change of. */
  readonly stepAwaits: readonly (readonly Point[] | undefined)[];
  /** The looks of the loop that a thread waits in now, oldest first; undefined where it waits in none. */
  loopAt(t: number): readonly Point[] | undefined;
  /** By thread: what it will do next. */
  readonly pending: readonly Point[];
  /** By thread: operations done so far in this schedule. */
  readonly done: Int32Array;
  /** Threads that could do their next operation now, as bits. */
  readonly enabled: number;
  /** Threads that wait in Atomics.wait, as bits. */
  readonly waiting: number;
};

/** How a schedule ended, for `end`. */
export type RunEnd = 'ended' | 'failed' | 'stuck' | 'pruned' | 'limit';

/**
 * What a random strategy learns from its schedules (how long they get) it forgets at every multiple of this many, so
 * that schedule i is the same whichever process runs it, as long as blocks are not split.
 */
export const BLOCK = 1024;

/** `choose` may answer this to give the schedule up: it can show nothing new. */
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
  /** It takes a schedule that was run before, and chooses for all of its steps, however long that is. */
  readonly follows?: true;
  /** Where a thread throws, the others go on as if it had ended. That is no schedule of the program, so it has to be one of `repeats`. */
  readonly goesOn?: boolean;
  /** So many waits of a schedule are answered as if a notify had come at once: to see what a woken thread would do. */
  readonly pretendedWakeups?: number;
  /**
   * Prepares a schedule. `again`: the last one has to be repeated from its start with the same choices as far as they
   * are possible (the simulator had guessed a thread's next operation wrongly); `end` was not called for it.
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
  /** After `end`: another schedule was the same but for the order of steps that do not conflict; it is not counted. */
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
