/** Shared words of a session of free threads; words with several writers have cache lines of their own. */
const LINE = 16;
/** The main thread changes GO to start a batch; the batch's number of runs, and the number of its first run. */
export const GO = 0;
export const RUNS = 1;
export const FIRST_RUN = 2;
export const STOP = 3;
/** The batch has no run yet to judge. */
export const FRESH = 4;
/**
 * The last thread at the start of a run increments EPOCH: all threads set off. DONE: runs of the batch that are done.
 */
export const EPOCH = LINE;
export const DONE = LINE + 1;
/** Whether the last epoch began a run, and not the end of the batch. */
export const GOING = LINE + 2;
/** Threads at the start; threads that have finished the batch. */
export const ARRIVED = 2 * LINE;
export const OVER = 2 * LINE + 1;
/** Threads that have seen the run start. */
export const AWAKE = 8 * LINE;
/** Threads that have not finished their part, and how many of those sleep. */
export const LEFT = 3 * LINE;
export const ASLEEP = 4 * LINE;
/** Rung for the main thread: the batch is over, or all unfinished threads sleep. */
export const BELL = 5 * LINE;
/**
 * ABORT: the epoch of a run that the main thread abandoned; a thread woken in that run ends. VERDICT: verdict and
 * epoch, packed.
 */
export const ABORT = 6 * LINE;
export const VERDICT = 6 * LINE + 1;
/** Failed runs of the batch, by kind. */
export const ASSERTIONS = 7 * LINE;
export const EXCEPTIONS = 7 * LINE + 1;
export const DEADLOCKS = 7 * LINE + 2;
const THREADS = 9 * LINE;

/** Verdicts; the epoch is in the bits above. */
export const DEADLOCK = 1;
export const DISTURBED = 2;
export const VERDICT_BITS = 2;

/** Words of one thread: its state; its sleeps and wake-ups (odd: asleep); the place: buffer and byte. */
export const STATE = 0;
export const NAP = 1;
export const NAP_BUFFER = 2;
export const NAP_BYTE = 3;
export const NAP_WIDE = 4;
/** The count of the jitter loop. */
export const JITTER = 5;

/** States. */
export const RUNNING = 0;
export const ENDED = 1;
export const ASSERTED = 2;
export const THREW = 3;
/** The thread slept when the run was abandoned. */
export const BLOCKED = 4;

export function wordsFor(threads: number): number {
  return THREADS + threads * LINE;
}

/** The first word of one thread. */
export function threadAt(thread: number): number {
  return THREADS + thread * LINE;
}
