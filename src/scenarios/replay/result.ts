import type { Difference } from './tally.ts';

/** What became of a replay. Times in seconds. */
export type ReplayResult = {
  readonly schemaVersion: 1;
  readonly command: 'replay-guest';
  readonly events: number;
  readonly cpus: number;
  readonly reads: { readonly checked: number; readonly differ: number };
  readonly acknowledges: { readonly checked: number; readonly differ: number };
  readonly msis: number;
  readonly delivered: number;
  /** The first 20. */
  readonly differences: readonly Difference[];
  /** Of one pass, the machine being loaded: the median where there were several. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** How often the guest was replayed, and how long the first time took, most of which is Node compiling the code. */
  readonly passes: number;
  readonly firstPassSeconds: number;
};

/** Whether the machine answered everything as the guest was answered. */
export function isFaithful({ reads, acknowledges, differences }: ReplayResult): boolean {
  return reads.differ === 0 && acknowledges.differ === 0 && differences.length === 0;
}
