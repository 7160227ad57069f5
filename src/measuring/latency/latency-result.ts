import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { Fd, Gsi } from '../../kvm/gsi.ts';
import type { Dispatch } from '../../kvm/irqfds.ts';
import type { ClockFigures } from '../../measure/clock.ts';
import type { Bounds } from '../../measure/confidence.ts';
import type { Distribution, Summary } from '../../measure/distribution.ts';
import type { CalibrationFigures } from '../../threads/calibration-figures.ts';

/**
 * Ways to send a signal: an eventfd with an irqfd, KVM_SIGNAL_MSI, KVM_IRQ_LINE on an edge-triggered SPI, an SGI from another vCPU,
 * the ITS's INT command.
 */
export const SIGNALS = ['irqfd', 'signal-msi', 'irq-line', 'sgi', 'its-int'] as const;

export type Signal = (typeof SIGNALS)[number];

/** How an idle vCPU waits. */
export const WAITINGS = ['polling', 'parked'] as const;

export type Waiting = (typeof WAITINGS)[number];

/** The load of additional vCPUs during a measurement. */
export const BACKGROUNDS = ['none', 'parked', 'busy', 'storming'] as const;

export type Background = (typeof BACKGROUNDS)[number];

/** A measured path of an interrupt. Dispatch `main`: the device wakes the main thread, which makes the call. */
export type Path = { readonly source: Signal; readonly dispatch: Dispatch; readonly waiting: Waiting };

/** A device's interrupt for a vCPU, with all its names. `irq-line` uses the SPI, `sgi` an SGI, all other signals the LPI. */
export type Line = {
  readonly device: number;
  readonly vcpu: VcpuId;
  /** `fd`: the eventfd with the irqfd. `mailFd`: an eventfd that the main thread reads, to make the call. */
  readonly fd: Fd;
  readonly mailFd: Fd;
  readonly gsi: Gsi;
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly lpi: Intid;
  /** -1 if all SPIs of the machine are in use. */
  readonly spi: Intid;
};

/** The name of a path in tables: `irqfd, inline, polling`. */
export function pathName({ source, dispatch, waiting }: Path): string {
  return `${source}, ${dispatch}, ${waiting}`;
}

/** The SGI of path `sgi`. */
export const SGI = 1;

/** The INTID of a line's interrupt for a kind of signal. */
export function intidOf({ spi, lpi }: Line, source: Signal): Intid {
  if (source === 'sgi') return SGI;
  return source === 'irq-line' ? spi : lpi;
}

/** The stretches of an interrupt's way, in order; each ends with the stage of the same name. */
export const STRETCHES = ['routed', 'pending', 'woken', 'acknowledged', 'handled', 'ended'] as const;

export type Stretch = (typeof STRETCHES)[number];

/** One signal and its delivery. Times in ns since the start of the measurement. */
export type Delivery = {
  /** Index of the line in the plan. */
  readonly line: number;
  /** When the device sent the signal, and when the signal was due; equal without a rate. */
  readonly signal: number;
  readonly due: number;
  /** When the call that sent the signal returned. */
  readonly returned: number;
  /** When the handler began. */
  readonly acknowledged: number;
  /** When each stretch ended, in the order of {@link STRETCHES}; empty if only the whole was measured. */
  readonly ends: readonly number[];
};

/** Figures of one block of signals. */
export type BlockFigures = {
  /** Number of the machine, from 0, in the order of booting. */
  readonly boot: number;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
};

/** Median, 99th percentile and mean of one stretch, ns. */
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

/** Figures of one path. Times in ns. */
export type PathResult = Path & {
  /** Signals that were timed as a whole, without stamps on their way; `latencyNs` describes these. */
  readonly count: number;
  /** From the signal, or at a rate from its due time, to the first instruction of the handler. */
  readonly latencyNs: Omit<Summary, 'count'>;
  /** The stretches from the signal to the end of the interrupt, of signals whose stages were stamped. */
  readonly stagesNs: Readonly<Record<Stretch, StageFigures>>;
  readonly ratio: {
    /** The median divided by `calibrationNs`, the host's time for the same exchange between threads without an interrupt. */
    readonly toCalibration: number | null;
    readonly calibrationNs: number;
    /** The round trips from which `calibrationNs` is computed. */
    readonly of: string;
  };
  /** 95 % confidence intervals. */
  readonly bounds: { readonly p50: Bounds; readonly p99: Bounds };
  /** Latency without the correction for coordinated omission; null without a rate. */
  readonly uncorrectedNs: Omit<Summary, 'count'> | null;
  /** The signals whose stages were stamped: their number, their latency, exact sums. */
  readonly staged: {
    readonly count: number;
    readonly latencyNs: Omit<Summary, 'count'>;
    /** Median with stamps minus median without: the cost of stamping. */
    readonly stampingNs: number | null;
    readonly sumsNs: Readonly<Record<Stretch, number>>;
    readonly wholeSumNs: number;
    /**
     * The stretches of a typical signal: means over the middle fifth of the signals by total time. Unlike medians, they add up to the
     * total; unlike means over all signals, they exclude outliers.
     */
    readonly typicalNs: Readonly<Record<Stretch, number>>;
  };
  /** Signals whose stamps were inconsistent; no other figure counts them. */
  readonly unpaired: number;
  /** The blocks, which alternated with those of the other paths. `compareRuns` compares the medians of the boots. */
  readonly blocks: readonly BlockFigures[];
  readonly lines: readonly LineFigures[];
  /** The whole distribution in HdrHistogram's encoding. */
  readonly histogram: string;
};

/** The output of `irqloom latency --json`. */
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
    /** Machines booted one after the other: the smaller of the requested boots and the rounds of blocks. */
    readonly boots: number;
    /** Signals a second; 0: a closed loop. */
    readonly rate: number;
    readonly handlerNs: number;
    /** The user's modules, as the caller named them. */
    readonly guest?: string;
    readonly device?: string;
    readonly cores: number;
    readonly node: string;
  };
  readonly clock: ClockFigures;
  readonly calibration: CalibrationFigures;
  /**
   * The largest error of a time: a share of it (the width of a histogram's bucket) plus so many ns (the clock readings within it).
   */
  readonly error: { readonly relative: number; readonly absoluteNs: number };
  /** The cost of one stamp, ns: a clock reading and a record. */
  readonly stampNs: number;
  readonly interrupted: boolean;
  readonly seconds: number;
  readonly paths: readonly PathResult[];
};

/** The threads and the interrupts of a measurement. */
export type Measured = {
  /** By device, then by vCPU. */
  readonly lines: readonly Line[];
  /** The number of measured vCPUs, 0 to `vcpus - 1`. */
  readonly vcpus: number;
  readonly devices: number;
  /** The last vCPU, which sends the SGIs; -1 if no path uses SGIs. */
  readonly sender: number;
};

/** Data for pictures beside the result, by path. */
export type LatencyPictures = {
  readonly points: ReadonlyArray<ReadonlyArray<readonly [atNs: number, latencyNs: number]>>;
  readonly deliveries: ReadonlyArray<readonly Delivery[]>;
  readonly latency: readonly Distribution[];
  readonly uncorrected: readonly Distribution[];
  readonly stages: ReadonlyArray<Readonly<Record<Stretch, Distribution>>>;
  readonly plan: Measured;
};
