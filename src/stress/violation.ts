import type { Intid, VcpuId } from '../arch/intid.ts';

/** The faults of a delivery, or of a missing delivery. */
export const VIOLATIONS = ['lost', 'misrouted', 'spurious', 'stranded'] as const;
export type ViolationKind = (typeof VIOLATIONS)[number];

/** One breach of the rules, with the numbers that name it. -1 where there is none. */
export type Violation = {
  readonly kind: ViolationKind;
  readonly source: number;
  readonly intid: Intid;
  readonly vcpu: VcpuId;
  /** Signals that the device had begun when the violation was found, and the last of them that a handler had seen. */
  readonly sent: number;
  readonly seen: number;
  /** The kind of churn that went on, as `Proof.churn` says. */
  readonly churn: number;
};
