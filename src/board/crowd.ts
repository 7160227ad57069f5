import { availableParallelism } from 'node:os';
import type { MachineConfig } from './config.ts';

/**
 * Whether the main thread routes what devices signal, and has no core for itself: then it polls, because every signal goes
 * through its hands, and the others begin by sleeping. One other thread counts for the main one, because the driver of a
 * run mostly sleeps. Any thread.
 */
export function isHubCrowded({ dispatch, vcpus, otherThreads }: MachineConfig): boolean {
  return dispatch !== 'inline' && vcpus + otherThreads > availableParallelism();
}
