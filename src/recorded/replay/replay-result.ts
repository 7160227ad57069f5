import type { Difference } from './replay-tally.ts';

/** The result of a replay. Times in seconds. */
export type TraceReplayResult = {
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
  /** Time of one replay on a loaded machine: the median of several. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** Event by event: number of passes, and the first pass's time, most of which is Node compiling. */
  readonly passes?: number;
  readonly firstPassSeconds?: number;
  /** Events after which the machine was moved into a new buffer, with its ITS saved and restored. */
  readonly movedAt?: readonly number[];
  /** On threads: their numbers, and signals left out because no vCPU had taken them in the recording. */
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
  /** Deliveries in the recording, and how many of them were missing or extra. */
  readonly acknowledges: { readonly checked: number; readonly differ: number };
  readonly delivered: number;
  /**
   * Further deliveries, of signals that were one with others in the recording: with an INT command among the signals,
   * nothing makes the machine merge them.
   */
  readonly apart: number;
  /** Deliveries that the recording does not have. */
  readonly extras: number;
  /** Deliveries to a vCPU after a delivery that the recording has later: how free the order was. */
  readonly reordered: number;
  /** Items not done: above 0 if the replay was abandoned because nothing moved any more. */
  readonly undone: number;
  readonly differences: readonly Difference[];
};

/** Whether every answer of the machine equals the guest's. */
export function isFaithful({ reads, acknowledges, differences, runs = [] }: TraceReplayResult): boolean {
  const all = [{ reads, acknowledges, differences, undone: 0 }, ...runs];
  return all.every(
    (run) =>
      run.reads.differ === 0 &&
      run.acknowledges.differ === 0 &&
      run.differences.length === 0 &&
      run.undone === 0,
  );
}
