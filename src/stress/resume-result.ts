import type { Intid, VcpuId } from '../arch/intid.ts';
import type { Fault } from '../board/config.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import type { DesignName } from '../vmm/design.ts';
import type { Churn, NamedViolation } from './stress-result.ts';

/** Where a signal without a delivery waits in a kept moment. */
export const WAITS = { pending: 'pending', eventfd: 'eventfd', nowhere: 'nowhere' } as const;

/** The fate of such a signal when the vCPUs ran once more. */
export type Verdict = 'delivered' | 'pending' | 'gone';

/** A source whose last signal no handler has seen, or whose interrupt is pending. */
export type OpenSource = {
  /** -1 where a vCPU sends SGIs. */
  readonly source: number;
  /** `device0`, or the vCPU that has sent an SGI: `vcpu0`. */
  readonly device: string;
  readonly intid: Intid;
  /** Signals begun, and the last one that a handler has seen. */
  readonly sent: number;
  readonly seen: number;
  readonly waits: (typeof WAITS)[keyof typeof WAITS];
  /** The vCPU at which the interrupt is pending, -1 where the interrupt is not pending. */
  readonly vcpu: VcpuId;
  readonly after: Verdict;
};

/** The output of `irqloom stress --resume --json`. */
export type ResumeResult = {
  readonly schemaVersion: 1;
  readonly command: 'stress';
  readonly resumed: true;
  readonly config: {
    readonly vcpus: number;
    readonly devices: number;
    readonly abi: DesignName;
    readonly dispatch: Dispatch;
    readonly churn: Churn;
    readonly seed: number;
    readonly fault: Fault;
  };
  /** The command of the run that the moment was kept of. */
  readonly run: string;
  // Violations of the run.
  readonly lost: number;
  readonly misrouted: number;
  readonly spurious: number;
  readonly stranded: number;
  readonly violations: readonly NamedViolation[];
  readonly open: readonly OpenSource[];
  /** Violations that the proof found while the vCPUs ran once more. */
  readonly foundSince: number;
};
