import type { Difference } from './replay-tally.ts';

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
  /** Of one replay, the machine being loaded: the median where there were several. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** Event by event: how often it was replayed, and how long the first time took, most of which is Node compiling. */
  readonly passes?: number;
  readonly firstPassSeconds?: number;
  /** Events after which the machine was moved into a new buffer, its ITS saved and restored. */
  readonly movedAt?: readonly number[];
  /** On threads: how many there were, and how many signals were not made because no vCPU had taken them in the recording. */
  readonly threads?: { readonly vcpus: number; readonly devices: number; readonly leftOut: number };
  readonly runs?: readonly ThreadedRun[];
  /** Ctrl-C ended the replay: `events` are those that were replayed until then. */
  readonly interrupted?: true;
};

/** One replay on threads. */
export type ThreadedRun = {
  readonly seed: number;
  readonly seconds: number;
  readonly reads: { readonly checked: number; readonly differ: number };
  /** Deliveries that the recording has, and how many of them did not come, or came besides. */
  readonly acknowledges: { readonly checked: number; readonly differ: number };
  readonly delivered: number;
  /**
   * Deliveries that these do not include, of signals that were one with others in the recording: where an INT command is
   * among the signals, nothing makes the machine take them together.
   */
  readonly apart: number;
  /** Deliveries that the recording does not have. */
  readonly extras: number;
  /** Deliveries that came to their vCPU after one that it took later in the recording: how free the order was. */
  readonly reordered: number;
  /** What could not be done: above 0 where the replay was given up, because nothing moved any more. */
  readonly undone: number;
  readonly differences: readonly Difference[];
};

/** Whether the machine answered everything as the guest was answered. */
export function isFaithful({ reads, acknowledges, differences, runs = [] }: ReplayResult): boolean {
  const all = [{ reads, acknowledges, differences, undone: 0 }, ...runs];
  return all.every(
    (run) =>
      run.reads.differ === 0 &&
      run.acknowledges.differ === 0 &&
      run.differences.length === 0 &&
      run.undone === 0,
  );
}
