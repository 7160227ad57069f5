import { longestWait, processorWaits } from '../base/processor-waits.ts';

/** A bound is stretched to at most so many times its length. */
const MOST_STRETCH = 5;
/** How often the time is looked at, ms: a step that takes longer than twice as long was not one of a running process. */
const STEP_MS = 500;

/**
 * Calls `over` when a bound on other threads has passed. Not counted is time in which they could not run: while the process
 * was stopped (Ctrl-Z), and while the system left a thread without a processor, on a machine that is busy with other
 * programs. For want of a processor a bound is stretched to at most five times its length. Main thread.
 * @returns ends the wait
 */
export function afterBound(boundMs: number, over: () => void): () => void {
  const before = processorWaits();
  const step = Math.min(STEP_MS, boundMs);
  let given = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    given += Math.min(now - last, 2 * step);
    last = now;
    if (given < boundMs || given < stretched(boundMs, longestWait(before, processorWaits()))) return;
    clearInterval(timer);
    over();
  }, step);
  return () => clearInterval(timer);
}

/** A bound, with the time in which a thread had no processor, ms. */
export function stretched(boundMs: number, starved: number): number {
  return Math.min(boundMs + starved, boundMs * MOST_STRETCH);
}
