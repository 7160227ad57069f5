/** Shared words of a session of free threads; a cache line for each that several write. */
const LINE = 16;
/** Changed by the main thread to start a batch of runs; how many it has, and the number of its first. */
export const GO = 0;
export const RUNS = 1;
export const FIRST_RUN = 2;
export const STOP = 3;
/** The batch has not begun yet: there is no run to judge. */
export const FRESH = 4;
/** Counted up by the thread that comes last to the start of a run: all set off. Runs of the batch that are done. */
export const EPOCH = LINE;
export const DONE = LINE + 1;
/** Whether that was the start of a run, and not the end of the batch. */
export const GOING = LINE + 2;
/** Threads that stand at the start; threads that are through with the batch. */
export const ARRIVED = 2 * LINE;
export const OVER = 2 * LINE + 1;
/** Threads that have seen the run start. */
export const AWAKE = 8 * LINE;
/** Threads that have not finished their part, and of those the ones that sleep. */
export const LEFT = 3 * LINE;
export const ASLEEP = 4 * LINE;
/** Rung for the main thread: the batch is over, or all that have not finished sleep. */
export const BELL = 5 * LINE;
/** The epoch of a run that the main thread has given up: a thread that is woken in it ends. Then verdict and epoch, packed. */
export const ABORT = 6 * LINE;
export const VERDICT = 6 * LINE + 1;
/** Runs of the batch that failed, by kind. */
export const ASSERTIONS = 7 * LINE;
export const EXCEPTIONS = 7 * LINE + 1;
export const DEADLOCKS = 7 * LINE + 2;
const THREADS = 9 * LINE;

/** Verdicts; the epoch is above them. */
export const DEADLOCK = 1;
export const DISTURBED = 2;
export const VERDICT_BITS = 2;

/** Words of one thread: its state; how often it has fallen asleep and woken (odd: it sleeps); where: buffer and byte. */
export const STATE = 0;
export const NAP = 1;
export const NAP_BUFFER = 2;
export const NAP_BYTE = 3;
export const NAP_WIDE = 4;
/** What the loop that jitters has counted. */
export const JITTER = 5;

/** States. */
export const RUNNING = 0;
export const ENDED = 1;
export const ASSERTED = 2;
export const THREW = 3;
/** It slept when the run was given up. */
export const BLOCKED = 4;

export function wordsFor(threads: number): number {
  return THREADS + threads * LINE;
}

/** The first word of one thread. */
export function threadAt(thread: number): number {
  return THREADS + thread * LINE;
}
