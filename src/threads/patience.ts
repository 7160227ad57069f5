import { longestWait, processorWaits } from '../base/processor-waits.ts';

/** The longest stretch of a bound, as a multiple of its length. */
const MOST_STRETCH = 5;
/** Interval between reads of the clock, ms. A step that takes more than twice as long: the process was not running. */
const STEP_MS = 500;

/**
 * Calls `over` when a bound on other threads has passed. Time in which those threads could not run does not count: the
 * process was stopped (Ctrl-Z), or the busy system gave a thread no processor. For lack of a processor, a bound
 * stretches to at most five times its length. Main thread.
 * @returns a function that ends the wait
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

/** The bound plus the time in which a thread had no processor, ms, up to the longest stretch. */
export function stretched(boundMs: number, starved: number): number {
  return Math.min(boundMs + starved, boundMs * MOST_STRETCH);
}
