/** How many differences are kept with their numbers. */
export const SHOWN_DIFFERENCES = 20;

/** An answer of the machine that is not what the guest got. */
export type Difference = {
  /** Line of the recording. */
  readonly line: number;
  readonly what: 'read' | 'acknowledge' | 'deliveries' | 'end';
  /** The register: `GICD+0x4 (4 bytes)`, `vcpu1 ICC_IAR1`; what was counted, or a word of the machine at its end. */
  readonly place: string;
  /** A register's value in hex, an INTID or a count. */
  readonly expected: string | number;
  readonly got: string | number;
};

/** What a replay has seen so far: counted by the thread that replays. */
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
