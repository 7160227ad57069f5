import type { DeviceId, EventId, VcpuId } from '../arch/intid.ts';
import type { Fault } from '../board/config.ts';
import type { ListRegisterCounters } from '../gic/list-registers.ts';
import type { Gsi } from '../kvm/gsi.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import type { Distribution, Summary } from '../measure/distribution.ts';
import type { PerturbationFigures } from '../memory/perturbation/account.ts';
import type { Perturbation } from '../memory/perturbation/timing.ts';
import type { DesignName } from '../vmm/design.ts';
import type { VIOLATIONS, Violation } from './proof.ts';
import type { RulesResult } from './rules/rules-result.ts';

/** How level-triggered wires are driven; `both`: one of every four with KVM_IRQ_LINE, three with resampling irqfds. */
export const LINE_MODES = ['irq-line', 'resample', 'both'] as const;

export type LineMode = (typeof LINE_MODES)[number];

/**
 * The thread that routes a signal; `both`: each device routes some of its bursts by itself, and leaves others to the main
 * thread.
 */
export type StressDispatch = Dispatch | 'both';

export const CHURNS = ['none', 'light', 'heavy'] as const;

export type Churn = (typeof CHURNS)[number];

/** Churn of the driver, counted in shared words so that a live view sees the counts. */
export const CHURN_COUNTS = [
  'moves',
  'routeUpdates',
  'masks',
  'configs',
  'remaps',
  'collections',
  'sharedLpis',
  'toggles',
  'priorities',
  'raises',
  'switches',
  'swaps',
] as const;

export type ChurnCount = (typeof CHURN_COUNTS)[number];

/** A vCPU's share of a run. */
export type VcpuShare = {
  readonly vcpu: VcpuId;
  readonly delivered: number;
  /** Times the vCPU parked, and halts that polling cut short. */
  readonly halts: number;
  readonly pollHits: number;
  readonly latencyNs: Summary;
  /** The vCPU's share of each device, in the devices' order. */
  readonly devices: readonly PairShare[];
};

/** One vCPU's share of one device: handlers run, and their latencies, null where pairs are too many to tell them apart. */
export type PairShare = {
  readonly delivered: number;
  readonly latencyNs: Pick<Summary, 'count' | 'p50' | 'p99'> | null;
};

/** A device's share of a run. */
export type DeviceShare = {
  readonly name: string;
  readonly sources: number;
  readonly injected: number;
  readonly delivered: number;
  readonly coalesced: number;
};

/** A violation with every name that its source has. -1 where the source has no name of that kind. */
export type NamedViolation = Omit<Violation, 'churn'> & {
  /** The kind of churn that went on; `mixed`, or `none`. */
  readonly churn: ChurnCount | 'mixed' | 'none';
  readonly device: string;
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly gsi: Gsi;
};

/** The output of `irqloom stress --json`. */
export type StressResult = {
  readonly schemaVersion: 1;
  readonly command: 'stress';
  readonly config: {
    readonly vcpus: number;
    readonly devices: number;
    /** DevID:EvID pairs in all. */
    readonly events: number;
    readonly spis: number;
    readonly abi: DesignName;
    /**
     * The interrupt that an event ends in: an SPI in place of an LPI where no irqfd of the design leads to the ITS; on x86 a
     * vector; of a vPE a vLPI, and then each vCPU of a violation is a vPE.
     */
    readonly eventsAs: 'lpi' | 'spi' | 'vector' | 'vlpi';
    /** x86's interrupt controllers; left out: a GICv3. The fields called INTID hold a vector then. */
    readonly irqchip?: 'ioapic';
    readonly lines: LineMode;
    readonly dispatch: StressDispatch;
    readonly churn: Churn;
    readonly seed: number;
    readonly fault: Fault;
    readonly perturb: Perturbation;
    /** List registers of each vCPU; left out where there are none. */
    readonly listRegisters?: number;
    /** ITSes, which the devices take in turn; left out: one. */
    readonly itses?: number;
    /** The recorded guest's file, or `synthetic`. */
    readonly source: string;
    /** Files of the user's own guest and device; left out where the load generator has played them. */
    readonly guest?: string;
    readonly device?: string;
  };
  readonly injected: number;
  readonly delivered: number;
  /** Signals that were covered by a delivery that another signal had asked for. */
  readonly coalesced: number;
  /** Times the driver made an interrupt pending by itself, with INT or ISPENDR: each allows one delivery more. */
  readonly raised: number;
  readonly lost: number;
  readonly misrouted: number;
  readonly spurious: number;
  readonly stranded: number;
  /** Whether the user ended the run before its time. */
  readonly interrupted: boolean;
  readonly seconds: number;
  readonly injectedPerSecond: number;
  readonly deliveredPerSecond: number;
  /**
   * From the signal to the handler, of one in `stampEvery` signals of a source; a signal that found an earlier one waiting is
   * not timed.
   */
  readonly latencyNs: Summary;
  readonly stampEvery: number;
  readonly churn: Readonly<Record<ChurnCount, number>>;
  /** Phases in which the driver kept still until all signals had settled; null where no phase was. */
  readonly stillness: Stillness | null;
  /**
   * Rules of the architecture, and of KVM, that the driver looked at while all threads were at rest; null where the driver
   * looked at none.
   */
  readonly rules: RulesResult | null;
  /** SGIs between the vCPUs, those among them that the driver sent with ISPENDR; null where none were sent. */
  readonly sgis: { readonly sent: number; readonly delivered: number } | null;
  /** The points of coverage that the run has met; null for a guest with a driver of its own, which is not followed. */
  readonly coverage: Coverage | null;
  /** The delays of the threads; null where the threads ran freely. */
  readonly perturbation: PerturbationFigures | null;
  /** Of the list registers of all vCPUs; null where there are none. */
  readonly listRegisters: ListRegisterCounters | null;
  /** Of the vPEs of a GICv4.1; left out where there are none. */
  readonly vpes?: VpeFigures;
  /** Of lines that devices hold until they are served; null where there are none. */
  readonly lines: LineFigures | null;
  /** Programs drawn for the smallest machine, run under the explorer's schedules after the run; null where none were. */
  readonly programs: ProgramsResult | null;
  readonly violations: readonly NamedViolation[];
  readonly vcpus: readonly VcpuShare[];
  readonly devices: readonly DeviceShare[];
  readonly sharedBytes: number;
  /** From the first thread's start until all were ready. */
  readonly bootMs: number;
};

/** The results of programs of a few threads that were drawn for the smallest machine. */
export type ProgramsResult = {
  readonly programs: number;
  readonly schedules: number;
  /** Operations on shared memory, in all. */
  readonly steps: number;
  readonly seconds: number;
  /** The first program that failed, with its schedule; null where none did. */
  readonly failure: {
    /** The scenario's name, for `irqloom replay`. */
    readonly program: string;
    /** The actions of its threads, a line each. */
    readonly threads: readonly string[];
    readonly kind: string;
    readonly message: string;
    readonly token: string;
  } | null;
};

/** The points of coverage that a run has met. */
export type Coverage = {
  /** ITS commands of the driver, by name. */
  readonly commands: Readonly<Record<string, number>>;
  /** Registers of distributor and redistributors that the driver wrote. */
  readonly registers: readonly string[];
  /** Changes of an interrupt's flags, `before > after`; none where the run was not perturbed. */
  readonly transitions: readonly string[];
  /** Windows of protocols that threads came through, and whether a thread was stopped there; none likewise. */
  readonly windows: readonly { readonly window: string; readonly stopped: boolean }[];
};

/** The counts of the phases without churn. */
export type Stillness = {
  readonly phases: number;
  /** Longest that a phase took to settle, ms. */
  readonly longestMs: number;
  /** After how long without any progress a delivery was stranded, ms: a multiple of the slowest wake-up of the run. */
  readonly boundMs: number;
};

/** The counts of the vPEs of a GICv4.1, in sum. */
export type VpeFigures = {
  readonly vpes: number;
  /** vSGIs that devices send. */
  readonly vsgis: number;
  /** Times that a vPE was made resident on a PE. */
  readonly residencies: number;
  /** Times that a vPE left its PE to sleep until its doorbell rings, and doorbells. */
  readonly sleeps: number;
  readonly doorbells: number;
  /** Times that a vPE was to sleep, and GICR_VPENDBASER.PendingLast said that an interrupt was pending. */
  readonly pendingLasts: number;
};

/** The counts of level-triggered lines on resampling irqfds. */
export type LineFigures = LineTotals & {
  /** Up at the end, while no device asserts them. */
  readonly stuck: number;
  /** Levels that a device still asserts at the end, and no handler has seen. */
  readonly lostLevels: number;
  /** Times a handler ran for each raise of a line: above 1, a line was taken again that no device had raised. */
  readonly takenPerRaise: number;
};

/** Whether the machine kept its promises. */
export function held(
  result: Pick<StressResult, 'lost' | 'misrouted' | 'spurious' | 'stranded'> &
    Partial<Pick<StressResult, 'rules' | 'programs'>>,
): boolean {
  const { lost, misrouted, spurious, stranded, rules, programs } = result;
  if (programs?.failure) return false;
  return lost + misrouted + spurious + stranded + (rules?.broken ?? 0) === 0;
}

/** The counts of the resampled lines of a run, in sum. */
export type LineTotals = {
  readonly lines: number;
  /** Of these, how many two devices share. */
  readonly shared: number;
  /** Times a device raised its line, those after a resample among them. */
  readonly raises: number;
  readonly reasserts: number;
  /** Times a handler ran; and found that no device asserted the line. */
  readonly taken: number;
  readonly idle: number;
  /** Most of the latter in a row, without a raise in between. */
  readonly mostIdleInARow: number;
};

/** Everything that a stress run counts, so far: for live views, metrics and reports. Totals since the start. */
export type StressDetail = {
  readonly vcpus: readonly {
    readonly delivered: number;
    readonly halts: number;
    readonly pollHits: number;
    /** From the signal to the handler, ns. */
    readonly latency: Distribution;
    /** By device. The latency is undefined where there are too many pairs to tell them apart. */
    readonly devices: readonly { readonly delivered: number; readonly latency: Distribution | undefined }[];
  }[];
  readonly devices: readonly { readonly injected: number; readonly delivered: number }[];
  readonly churn: Readonly<Record<ChurnCount, number>>;
  /** Phases in which everything kept still, so far. */
  readonly stillPhases: number;
  readonly violations: Readonly<Record<(typeof VIOLATIONS)[number], number>>;
};
