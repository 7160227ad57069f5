import type { Dispatch } from '../../kvm/irqfds.ts';
import type { ClockFigures } from '../../measure/clock.ts';
import type { Summary } from '../../measure/distribution.ts';
import type { CalibrationFigures } from '../../threads/calibration-figures.ts';

/** How signals are given: by irqfds as long as there are GSIs for them, and beyond that by KVM_SIGNAL_MSI. */
export type Via = 'irqfd' | 'signal-msi';

/** A size to measure. */
export type Size = { readonly vcpus: number; readonly devices: number; readonly lpis: number };

/** What is varied in a sweep, while the rest keeps its base size. */
export const SWEEPS = ['vcpus', 'devices', 'lpis'] as const;

export type Sweep = (typeof SWEEPS)[number];

/** One size, and its figures. */
export type ScalePoint = Size & {
  readonly sweep: Sweep;
  /** What was asked for: more LPIs than INTIDs allow are as many as they allow. */
  readonly asked: number;
  readonly via: Via;
  readonly seconds: number;
  readonly delivered: number;
  readonly deliveredPerSecond: number;
  /** Deliveries a second, as a share of what one thread can tell another that way: one each half of a spinning round trip. */
  readonly ratio: { readonly toCalibration: number };
  readonly latencyNs: Omit<Summary, 'count'>;
  /** From the first thread's start until all were ready. */
  readonly bootMs: number;
};

/** What `irqloom scale --json` prints. */
export type ScaleResult = {
  readonly schemaVersion: 1;
  readonly command: 'scale';
  readonly config: {
    readonly base: Size;
    readonly dispatch: Dispatch;
    readonly seconds: number;
    /** Modules of the user's own, as the caller named them. */
    readonly guest?: string;
    readonly device?: string;
    readonly cores: number;
    readonly node: string;
  };
  readonly clock: ClockFigures;
  readonly calibration: CalibrationFigures;
  readonly interrupted: boolean;
  readonly seconds: number;
  readonly points: readonly ScalePoint[];
};
