import type { Dispatch } from '../../kvm/irqfds.ts';
import type { ClockFigures } from '../../measure/clock.ts';
import type { Summary } from '../../measure/distribution.ts';
import type { CalibrationFigures } from '../../threads/calibration-figures.ts';

/** How devices signal: by irqfds while each LPI can have a GSI, otherwise by KVM_SIGNAL_MSI. */
export type Via = 'irqfd' | 'signal-msi';

/** A size to measure. */
export type Size = { readonly vcpus: number; readonly devices: number; readonly lpis: number };

/** The dimension that a sweep varies; the others keep their base size. */
export const SWEEPS = ['vcpus', 'devices', 'lpis'] as const;

export type Sweep = (typeof SWEEPS)[number];

/** The figures of one size. */
export type ScalePoint = Size & {
  readonly sweep: Sweep;
  /** The requested value; the measured number of LPIs is at most {@link MOST_LPIS}. */
  readonly asked: number;
  readonly via: Via;
  readonly seconds: number;
  readonly delivered: number;
  readonly deliveredPerSecond: number;
  /** Deliveries a second divided by the rate of one-way messages between two spinning threads. */
  readonly ratio: { readonly toCalibration: number };
  readonly latencyNs: Omit<Summary, 'count'>;
  /** From the start of the first thread until all threads were ready. */
  readonly bootMs: number;
};

/** The output of `irqloom scale --json`. */
export type ScaleResult = {
  readonly schemaVersion: 1;
  readonly command: 'scale';
  readonly config: {
    readonly base: Size;
    readonly dispatch: Dispatch;
    readonly seconds: number;
    /** The user's modules, as the caller named them. */
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
