import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { Fd, Gsi } from '../../kvm/gsi.ts';
import type { Dispatch } from '../../kvm/irqfds.ts';
import type { ClockFigures } from '../../measure/clock.ts';
import type { Bounds } from '../../measure/confidence.ts';
import type { Distribution, Summary } from '../../measure/distribution.ts';
import type { CalibrationFigures } from '../../threads/calibration-figures.ts';

/**
 * How a signal is given: an eventfd with an irqfd on it, KVM_SIGNAL_MSI, KVM_IRQ_LINE on an edge-triggered SPI, an SGI
 * from another vCPU, the ITS's own INT command.
 */
export const SIGNALS = ['irqfd', 'signal-msi', 'irq-line', 'sgi', 'its-int'] as const;

export type Signal = (typeof SIGNALS)[number];

/** What the vCPU does while it has nothing to do. */
export const WAITINGS = ['polling', 'parked'] as const;

export type Waiting = (typeof WAITINGS)[number];

/** What vCPUs beside the measured ones do meanwhile. */
export const BACKGROUNDS = ['none', 'parked', 'busy', 'storming'] as const;

export type Background = (typeof BACKGROUNDS)[number];

/** One way of an interrupt that is measured. `main`: the device wakes the main thread, and that makes the call. */
export type Path = { readonly source: Signal; readonly dispatch: Dispatch; readonly waiting: Waiting };

/** A device's interrupt for a vCPU, by all its names. One LPI for all calls that end in one; an SPI for KVM_IRQ_LINE. */
export type Line = {
  readonly device: number;
  readonly vcpu: VcpuId;
  /** An eventfd with an irqfd, and one that the main thread reads to make a call. */
  readonly fd: Fd;
  readonly mailFd: Fd;
  readonly gsi: Gsi;
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly lpi: Intid;
  /** -1 where the machine has no more. */
  readonly spi: Intid;
};

/** What a path is called in tables: `irqfd, inline, polling`. */
export function pathName({ source, dispatch, waiting }: Path): string {
  return `${source}, ${dispatch}, ${waiting}`;
}

/** The SGI that is sent between vCPUs. */
export const SGI = 1;

/** The INTID of a line's interrupt, for one way to signal. */
export function intidOf({ spi, lpi }: Line, source: Signal): Intid {
  if (source === 'sgi') return SGI;
  return source === 'irq-line' ? spi : lpi;
}

/** The stretches that an interrupt's way is made of, in their order; each ends with the stage of its name. */
export const STRETCHES = ['routed', 'pending', 'woken', 'acknowledged', 'handled', 'ended'] as const;

export type Stretch = (typeof STRETCHES)[number];

/** One signal and what became of it: times since the measurement began, ns. */
export type Delivery = {
  /** Which line of the plan. */
  readonly line: number;
  /** When the signal was given, and when it was due: the same where there is no rate. */
  readonly signal: number;
  readonly due: number;
  /** When the call that gave the signal returned. */
  readonly returned: number;
  /** When the handler began. */
  readonly acknowledged: number;
  /** When each stretch ended, in the order of {@link STRETCHES}; empty where only the whole was measured. */
  readonly ends: readonly number[];
};

/** What one block of signals came to. */
export type BlockFigures = {
  /** Which of the machines that were booted one after the other, from 0. */
  readonly boot: number;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
};

/** Half, the slow end and the mean of one stretch of the way, ns. */
export type StageFigures = {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly mean: number | null;
};

/** One device's line to one vCPU. */
export type LineFigures = { readonly device: number; readonly vcpu: VcpuId } & Pick<
  Summary,
  'count' | 'p50' | 'p99'
>;

/** What was measured on one path. Times in ns. */
export type PathResult = Path & {
  /** Signals that were timed as a whole, without stamps on their way: what `latencyNs` is of. */
  readonly count: number;
  /** From the signal, or from when it was due at a rate, to the first instruction of the handler. */
  readonly latencyNs: Omit<Summary, 'count'>;
  /** The stretches of the way, from the signal to the end of the interrupt, of signals that were followed. */
  readonly stagesNs: Readonly<Record<Stretch, StageFigures>>;
  readonly ratio: {
    /** The median as a multiple of what this machine needs for the same without an interrupt: `calibrationNs`. */
    readonly toCalibration: number | null;
    readonly calibrationNs: number;
    /** What that is made of. */
    readonly of: string;
  };
  /** With 95 % confidence. */
  readonly bounds: { readonly p50: Bounds; readonly p99: Bounds };
  /** Without the correction for coordinated omission; null where there is no rate, and nothing to correct. */
  readonly uncorrectedNs: Omit<Summary, 'count'> | null;
  /** The signals that were followed: their number, the whole while stamping, the exact sums. */
  readonly staged: {
    readonly count: number;
    readonly latencyNs: Omit<Summary, 'count'>;
    /** How much longer the median was than without stamps: what stamping costs. */
    readonly stampingNs: number | null;
    readonly sumsNs: Readonly<Record<Stretch, number>>;
    readonly wholeSumNs: number;
    /**
     * The stretches of a typical signal: means over the fifth of the signals whose whole way was of middling length. They
     * add up to its length, as medians would not, and are not those of the few that took a thousand times as long.
     */
    readonly typicalNs: Readonly<Record<Stretch, number>>;
  };
  /** Signals whose stamps did not fit together; they are counted nowhere else. */
  readonly unpaired: number;
  /** The blocks, in turn with those of the other paths. Two runs are compared by the medians of their boots. */
  readonly blocks: readonly BlockFigures[];
  readonly lines: readonly LineFigures[];
  /** The whole distribution in HdrHistogram's encoding. */
  readonly histogram: string;
};

/** What `irqloom latency --json` prints. */
export type LatencyResult = {
  readonly schemaVersion: 1;
  readonly command: 'latency';
  readonly config: {
    readonly vcpus: number;
    readonly devices: number;
    readonly background: Background;
    readonly others: number;
    /** Signals of each path. */
    readonly samples: number;
    /** Machines that were booted for it, one after the other: as many as were asked for, or as there were rounds of blocks. */
    readonly boots: number;
    /** Signals a second, 0 for a closed loop. */
    readonly rate: number;
    readonly handlerNs: number;
    /** Modules of the user's own, as the caller named them. */
    readonly guest?: string;
    readonly device?: string;
    readonly cores: number;
    readonly node: string;
  };
  readonly clock: ClockFigures;
  readonly calibration: CalibrationFigures;
  /**
   * How far a time here may be from the truth: by this share of it, which is what a histogram's bucket is wide, and by
   * so many ns, which is what the clock is read for within it.
   */
  readonly error: { readonly relative: number; readonly absoluteNs: number };
  /** What one stamp costs: reading the clock and writing it down, ns. */
  readonly stampNs: number;
  readonly interrupted: boolean;
  readonly seconds: number;
  readonly paths: readonly PathResult[];
};

/** The threads and the interrupts of a measurement. */
export type Measured = {
  /** By device, and within one by vCPU. */
  readonly lines: readonly Line[];
  /** vCPUs that are measured: 0 to `vcpus - 1`. */
  readonly vcpus: number;
  readonly devices: number;
  /** The last vCPU, which sends the SGIs; -1 where no path uses them. */
  readonly sender: number;
};

/** What pictures need beside the result; by path. */
export type LatencyPictures = {
  readonly points: ReadonlyArray<ReadonlyArray<readonly [atNs: number, latencyNs: number]>>;
  readonly deliveries: ReadonlyArray<readonly Delivery[]>;
  readonly latency: readonly Distribution[];
  readonly uncorrected: readonly Distribution[];
  readonly stages: ReadonlyArray<Readonly<Record<Stretch, Distribution>>>;
  readonly plan: Measured;
};
