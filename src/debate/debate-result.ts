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
  /** From the signal to the handler, each when the one before was handled. */
  readonly latencyNs: Summary;
  /** The median as a multiple of half a round trip between two threads that sleep, measured in this run: spinning ones
   * need a core each, which a busy machine does not give them. */
  readonly toCalibration: number | null;
  /** Interrupts a second when each device signals all its sources and then awaits them: none coalesces. */
  readonly perSecond: number;
  /** The same of each of the two times that the design was measured, with all the others in between. */
  readonly passes: readonly { readonly p50: number | null; readonly perSecond: number }[];
  readonly signals: number;
  /** Lost, misrouted, doubled or stranded. */
  readonly violations: number;
};

export type ByDispatch = Readonly<Record<Dispatch, DispatchFigures>>;

/** What a change of one vector costs: calls, entries handed over, and the time that a quarter of the tries kept within, µs. */
export type UpdateFigures = { readonly calls: number; readonly entries: number; readonly us: number };

export type UpdateRow = {
  /** Vectors connected; routes in force are these and those of the wired interrupts. */
  readonly vectors: number;
  /** Masked and unmasked by its irqfd, and by its route; null where there is no table. */
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
  /** What an event ends in: an SPI stands in where no irqfd of the design leads to the ITS. */
  readonly eventsAs: 'lpi' | 'spi';
  readonly dispatch: ByDispatch;
  /** What one inline injection does to shared memory, and how long it takes with the taking, in one thread. */
  readonly injection: OperationCount & { readonly ns: number };
  /** The same where the irqfd does not remember the LPI, and finds it by its route and the ITS's index. */
  readonly byRoute: OperationCount;
  /** Bytes. */
  readonly memory: SourceMemory;
  readonly updates: readonly UpdateRow[];
  readonly fates: DesignFates;
};

/** By how much the two passes of one design were apart at most, as ratios above 1. */
export type Noise = Readonly<Record<Dispatch, { readonly latency: number; readonly rate: number }>>;

/** What `irqloom compare` measures; `--json` prints it, and what follows from it. */
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
  /** What differs by less means nothing; null where nothing was measured twice. */
  readonly noise: Noise | null;
  readonly interrupted: boolean;
  readonly seconds: number;
};
