import { readdirSync, readFileSync } from 'node:fs';

/**
 * By thread of the operating system: how long the thread was runnable without a processor, ms. Empty if the system does
 * not tell: only Linux has /proc, and some kernels keep no such account.
 * @see Documentation/scheduler/sched-stats.rst of Linux, /proc/<pid>/schedstat
 */
export type ProcessorWaits = ReadonlyMap<string, number>;

/** The waits of every thread of a process until now. @param pid - the process; left out, this one */
export function processorWaits(pid: number | 'self' = 'self'): ProcessorWaits {
  const waits = new Map<string, number>();
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [, waitedNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      waits.set(thread, Number(waitedNs) / 1e6 || 0);
    }
  } catch {
    // The thread has just ended, or the folder does not exist.
  }
  return waits;
}

/** The longest wait of one thread for a processor between two readings, ms. A new thread counts from its start. */
export function longestWait(before: ProcessorWaits, now: ProcessorWaits): number {
  let longest = 0;
  for (const [thread, ms] of now) longest = Math.max(longest, ms - (before.get(thread) ?? 0));
  return longest;
}
