import { availableParallelism } from 'node:os';
import type { MachineConfig } from './config.ts';

/**
 * Whether the main thread routes the devices' signals and has no core for itself. Then the main thread polls, because
 * every signal passes through it, and the other threads start by sleeping. One other thread is not counted, because the
 * driver of a run mostly sleeps. Any thread.
 */
export function isHubCrowded({
  dispatch,
  vcpus,
  otherThreads,
}: Pick<MachineConfig, 'dispatch' | 'vcpus' | 'otherThreads'>): boolean {
  return dispatch !== 'inline' && vcpus + otherThreads > availableParallelism();
}
