/** Shared words of a session of free threads; a cache line for each writer. */
const LINE = 16;
/** The number of the run; changing it starts one. */
export const GO = 0;
/** Threads that have not finished their part, and of those the ones that sleep. */
export const LEFT = LINE;
export const ASLEEP = 2 * LINE;
/** Threads that stand at the start. */
export const ARRIVED = 3 * LINE;
/** Rung for the main thread: all have finished, or all that have not sleep. */
export const BELL = 4 * LINE;
/** The run is given up: whoever is woken now ends. */
export const ABORT = 5 * LINE;
export const STOP = 6 * LINE;
const THREADS = 7 * LINE;

/** Words of one thread: its state; whether it sleeps, counted up at each change (odd: it does); where: buffer and byte. */
export const STATE = 0;
export const NAP = 1;
export const NAP_BUFFER = 2;
export const NAP_BYTE = 3;
export const NAP_WIDE = 4;
/** What the loop that jitters has counted. */
export const JITTER = 5;

export const RUNNING = 0;
export const ENDED = 1;
export const FAILED = 2;
/** It slept when the run was given up. */
export const BLOCKED = 3;

export function wordsFor(threads: number): number {
  return THREADS + threads * LINE;
}

/** The first word of one thread. */
export function threadAt(thread: number): number {
  return THREADS + thread * LINE;
}
