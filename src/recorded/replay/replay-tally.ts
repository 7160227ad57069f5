/** Differences kept in full. */
export const SHOWN_DIFFERENCES = 20;

/** An answer of the machine that differs from the guest's. */
export type Difference = {
  /** Line of the recording. */
  readonly line: number;
  readonly what: 'read' | 'acknowledge' | 'deliveries' | 'end';
  /**
   * The register, `GICD+0x4 (4 bytes)` or `vcpu1 ICC_IAR1`; or the thing counted; or a word of the machine at the end.
   */
  readonly place: string;
  /** A register's value in hex, an INTID or a count. */
  readonly expected: string | number;
  readonly got: string | number;
};

/** A replay's counts so far, kept by the thread that replays. */
export type ReplayTally = {
  reads: number;
  readsDiffer: number;
  acknowledges: number;
  acknowledgesDiffer: number;
  msis: number;
  /** Acknowledges that returned an interrupt. */
  delivered: number;
  /** The first {@link SHOWN_DIFFERENCES}. */
  readonly differences: Difference[];
};

export function emptyTally(): ReplayTally {
  return {
    reads: 0,
    readsDiffer: 0,
    acknowledges: 0,
    acknowledgesDiffer: 0,
    msis: 0,
    delivered: 0,
    differences: [],
  };
}
