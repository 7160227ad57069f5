import type { Dispatch } from '../../kvm/irqfds.ts';
import { Buckets, LATENCY } from '../../measure/buckets.ts';
import type { ClockFigures } from '../../measure/clock.ts';
import type { Distribution, Summary } from '../../measure/distribution.ts';
import { encodeHistogram } from '../../measure/hdr-format.ts';
import type { CalibrationFigures } from '../../threads/calibration-figures.ts';
import type { LatencyPlan } from './latency-plan.ts';
import {
  type LatencyResult,
  type Path,
  type PathResult,
  STRETCHES,
  type StageFigures,
  type Stretch,
} from './latency-result.ts';
import type { PathTally } from './latency-tally.ts';

/** Clock readings that can lie between an event and its stamp, summed over both ends of a time. */
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

/** The calibration of a path: one way of a round trip between two threads, or of one through the main thread. */
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
