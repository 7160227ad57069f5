import type { Dispatch } from '../../kvm/irqfds.ts';
import { Buckets, LATENCY } from '../../measure/buckets.ts';
import type { ClockFigures } from '../../measure/clock.ts';
import type { Bounds } from '../../measure/confidence.ts';
import type { Distribution, Summary } from '../../measure/distribution.ts';
import { encodeHistogram } from '../../measure/hdr-format.ts';
import type { CalibrationFigures } from '../../threads/calibration-figures.ts';
import { type Delivery, STRETCHES, type Stretch } from './collect.ts';
import type { Background, LatencyPlan, Path } from './latency-plan.ts';
import type { BlockFigures, PathTally } from './latency-tally.ts';

/** Half, the slow end and the mean of one stretch of the way, ns. */
type StageFigures = {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly mean: number | null;
};

/** One device's line to one vCPU. */
type LineFigures = { readonly device: number; readonly vcpu: number } & Pick<
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

/** What pictures need beside the result; by path. */
export type LatencyPictures = {
  readonly points: ReadonlyArray<ReadonlyArray<readonly [atNs: number, latencyNs: number]>>;
  readonly deliveries: ReadonlyArray<readonly Delivery[]>;
  readonly latency: readonly Distribution[];
  readonly uncorrected: readonly Distribution[];
  readonly stages: ReadonlyArray<Readonly<Record<Stretch, Distribution>>>;
  readonly plan: LatencyPlan;
};

/** Clock readings that can fall between what is timed and what times it, on either side. */
const READINGS_WITHIN = 4;

export function errorOf({ costNs, resolutionNs }: ClockFigures): LatencyResult['error'] {
  return {
    relative: 2 / new Buckets(LATENCY).subBuckets,
    absoluteNs: READINGS_WITHIN * costNs + resolutionNs,
  };
}

export function pathResult(
  path: Path,
  plan: LatencyPlan,
  tally: PathTally,
  calibration: CalibrationFigures,
  rate: number,
): PathResult {
  const { latency, staged } = tally;
  const { of, calibrationNs } = yardstick(path.dispatch, path.waiting, calibration);
  const [whole, followed] = [latency.percentile(50), staged.percentile(50)];
  return {
    ...path,
    count: latency.total,
    latencyNs: withoutCount(latency.summary()),
    stagesNs: Object.fromEntries(
      STRETCHES.map((stretch) => [stretch, stageFigures(tally.stages[stretch])]),
    ) as Record<Stretch, StageFigures>,
    ratio: { toCalibration: some(whole / calibrationNs), calibrationNs, of },
    bounds: { p50: latency.bounds(50), p99: latency.bounds(99) },
    uncorrectedNs: rate > 0 ? withoutCount(tally.uncorrected.summary()) : null,
    staged: {
      count: staged.total,
      latencyNs: withoutCount(staged.summary()),
      stampingNs: some(followed - whole),
      sumsNs: { ...tally.sums },
      wholeSumNs: tally.wholeSum,
      typicalNs: Object.fromEntries(
        STRETCHES.map((stretch) => [
          stretch,
          Math.round(tally.typical[stretch] / Math.max(1, tally.typicalCount)),
        ]),
      ) as Record<Stretch, number>,
    },
    unpaired: tally.unpaired,
    blocks: tally.blocks,
    lines: plan.lines.map(({ device, vcpu }, line) => {
      const { count = 0, p50 = null, p99 = null } = tally.lines[line]?.summary() ?? {};
      return { device, vcpu, count, p50, p99 };
    }),
    histogram: encodeHistogram(latency),
  };
}

/** What the same would take with nothing but the threads' own means: one way of a round trip, or one through the main thread. */
function yardstick(dispatch: Dispatch, waiting: Path['waiting'], calibration: CalibrationFigures) {
  const { spinNs, parkNs, waitAsyncNs } = calibration;
  const [kind, trip] =
    waiting === 'polling' ? (['spinning', spinNs.p50] as const) : (['parked', parkNs.p50] as const);
  if (dispatch === 'inline') return { of: `half a ${kind} round trip`, calibrationNs: trip / 2 };
  return {
    of: `half a waitAsync round trip and half a ${kind} one`,
    calibrationNs: (waitAsyncNs + trip) / 2,
  };
}

function stageFigures(distribution: Distribution): StageFigures {
  return {
    p50: some(distribution.percentile(50)),
    p99: some(distribution.percentile(99)),
    mean: some(Math.round(distribution.mean)),
  };
}

function withoutCount({ count: _, ...rest }: Summary): Omit<Summary, 'count'> {
  return rest;
}

function some(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
