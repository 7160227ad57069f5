import { readdirSync, readFileSync } from 'node:fs';

/**
 * By thread of the operating system: how long the thread was ready to run and had no processor, ms. Empty where the system
 * does not tell: only Linux has /proc, and some kernels have no account of it.
 * @see Documentation/scheduler/sched-stats.rst of Linux, /proc/<pid>/schedstat
 */
export type ProcessorWaits = ReadonlyMap<string, number>;

/** The waits of every thread of a process until now. @param pid - of the process; this one where left out */
export function processorWaits(pid: number | 'self' = 'self'): ProcessorWaits {
  const waits = new Map<string, number>();
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [, waitedNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      waits.set(thread, Number(waitedNs) / 1e6 || 0);
    }
  } catch {
    // A thread that has just ended, or no such folder.
  }
  return waits;
}

/** The longest that one thread has waited for a processor between two looks, ms; a thread that is new has waited since its start. */
export function longestWait(before: ProcessorWaits, now: ProcessorWaits): number {
  let longest = 0;
  for (const [thread, ms] of now) longest = Math.max(longest, ms - (before.get(thread) ?? 0));
  return longest;
}
