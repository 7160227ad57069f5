import type { Dispatch } from '../kvm/irqfds.ts';
import type { ClockFigures } from '../measure/clock.ts';
import type { Summary } from '../measure/distribution.ts';
import type { OperationCount } from '../memory/operation-count.ts';
import type { CalibrationFigures } from '../threads/calibration-figures.ts';
import type { Design, DesignName } from '../vmm/design.ts';
import type { SourceMemory } from '../vmm/memory.ts';
import type { UpdateFates } from '../vmm/update-fates.ts';

/** One design under one dispatch. */
export type DispatchFigures = {
  /** From the signal to the handler; each signal follows the handling of the one before. */
  readonly latencyNs: Summary;
  /** The median as a multiple of half a round trip between two threads that sleep, measured in this run: spinning ones
   * need a core each, which a busy machine does not give them. */
  readonly toCalibration: number | null;
  /** Interrupts a second when each device signals all its sources and then awaits them: none coalesces. */
  readonly perSecond: number;
  /** The figures of each of the design's two passes, with all the other designs in between. */
  readonly passes: readonly { readonly p50: number | null; readonly perSecond: number }[];
  readonly signals: number;
  /** Lost, misrouted, doubled or stranded. */
  readonly violations: number;
};

export type ByDispatch = Readonly<Record<Dispatch, DispatchFigures>>;

/** The cost of changing one vector: calls, entries handed over, and the first quartile of the tries' times, µs. */
export type UpdateFigures = { readonly calls: number; readonly entries: number; readonly us: number };

export type UpdateRow = {
  /** Connected vectors; the routes in force are these and those of the wired interrupts. */
  readonly vectors: number;
  /** Masked and unmasked by irqfd, and by route; null for a design without a table. */
  readonly maskByIrqFd: UpdateFigures;
  readonly maskByRoute: UpdateFigures | null;
  /** Given another message. */
  readonly reroute: UpdateFigures;
};

export type DesignFates = {
  readonly maskByIrqFd: UpdateFates;
  readonly maskByRoute: UpdateFates | null;
  readonly reroute: UpdateFates;
};

export type DesignResult = Pick<Design, 'name' | 'letter' | 'title' | 'status' | 'table' | 'names'> & {
  /** The kind of interrupt of an event: an SPI stands in if no irqfd of the design leads to the ITS. */
  readonly eventsAs: 'lpi' | 'spi';
  readonly dispatch: ByDispatch;
  /** The shared operations of one inline injection, and its time with the taking, in one thread. */
  readonly injection: OperationCount & { readonly ns: number };
  /** The same for an irqfd that does not remember the LPI, and finds it by its route and the ITS's index. */
  readonly byRoute: OperationCount;
  /** Bytes. */
  readonly memory: SourceMemory;
  readonly updates: readonly UpdateRow[];
  readonly fates: DesignFates;
};

/** The largest difference between the two passes of one design, as ratios above 1. */
export type Noise = Readonly<Record<Dispatch, { readonly latency: number; readonly rate: number }>>;

/** The result of `irqloom compare`; `--json` prints it, with the conclusions. */
export type CompareResult = {
  readonly schemaVersion: 1;
  readonly command: 'compare';
  readonly config: {
    readonly vcpus: number;
    readonly devices: number;
    readonly events: number;
    readonly abi: readonly DesignName[];
    readonly cores: number;
    readonly node: string;
  };
  readonly clock: ClockFigures;
  readonly calibration: CalibrationFigures;
  readonly designs: readonly DesignResult[];
  /** Smaller differences mean nothing; null if nothing was measured twice. */
  readonly noise: Noise | null;
  readonly interrupted: boolean;
  readonly seconds: number;
};
