import { IrqError } from '../../base/irq-error.ts';
import { rankTest, ratioOf } from '../../measure/rank-test.ts';
import { isSteady } from '../../threads/calibration-figures.ts';
import { type Path, pathName } from '../latency/latency-result.ts';
import type { PathComparison, RunComparison, Side } from './comparison-result.ts';

/** The part of a result of `irqloom latency` that a comparison reads. */
export type ComparedRun = {
  readonly steady: boolean;
  readonly paths: readonly (Path & {
    readonly calibrationNs: number;
    /** `boot` numbers the machines in the order in which they were booted. */
    readonly blocks: readonly { readonly boot: number; readonly p50: number; readonly p99: number }[];
  })[];
};

/** The fewest boots of a side. With fewer and one tie, even the clearest difference does not reach the rank test's significance. */
export const LEAST_BOOTS = 6;

/**
 * Compares two runs, path by path. A sample is the median of one boot. Two boots of one build differ in memory placement and in
 * compiled code, and every block of a boot shares these effects. So more blocks of the same boot are no more evidence of a
 * difference between builds.
 * @throws IrqError `ERR_RESULT_FORMAT` if the runs have no path in common, or too few boots
 */
export function compareRuns(
  a: ComparedRun,
  b: ComparedRun,
  {
    tolerance,
    p99Tolerance = null,
    relative,
  }: {
    readonly tolerance: number;
    readonly p99Tolerance?: number | null;
    readonly relative: boolean;
  },
): RunComparison {
  const other = new Map(b.paths.map((path) => [pathName(path), path]));
  const paths = a.paths.flatMap((left): PathComparison[] => {
    const right = other.get(pathName(left));
    if (!right) return [];
    const [before, now] = [sampleOf(left, relative), sampleOf(right, relative)];
    const [sideA, sideB] = [sideOf(before), sideOf(now)];
    const judge = (field: 'p50' | 'p99', tolerated: number | null) => {
      const { verdict, p, delta } = rankTest(before[field], now[field]);
      const ratio = sideB[field] / sideA[field];
      const regression = tolerated !== null && verdict === 'slower' && ratio > 1 + tolerated;
      return { verdict, regression, ratio, bounds: ratioOf(before[field], now[field]).bounds, p, delta };
    };
    return [
      {
        source: left.source,
        dispatch: left.dispatch,
        waiting: left.waiting,
        ...judge('p50', tolerance),
        p99: judge('p99', p99Tolerance),
        calibrationRatio: right.calibrationNs / left.calibrationNs,
        a: sideA,
        b: sideB,
      },
    ];
  });
  if (paths.length === 0)
    throw new IrqError('ERR_RESULT_FORMAT', 'the two runs have no path in common: nothing can be compared');
  const matched = new Set(paths.map(pathName));
  return {
    schemaVersion: 1,
    command: 'compare-runs',
    tolerance,
    p99Tolerance,
    relative,
    steady: a.steady && b.steady,
    sameMachine: paths.every(({ calibrationRatio }) => isSteady(calibrationRatio - 1)),
    regressions: paths.filter(({ regression, p99 }) => regression || p99.regression).length,
    paths,
    unmatched: [...a.paths, ...b.paths].map(pathName).filter((name) => !matched.has(name)),
  };
}

type Blocks = ComparedRun['paths'][number]['blocks'];
type Sample = { readonly p50: readonly number[]; readonly p99: readonly number[] };

function sampleOf(path: ComparedRun['paths'][number], relative: boolean): Sample {
  const boots = byBoot(path.blocks);
  if (boots.size < LEAST_BOOTS) {
    throw new IrqError(
      'ERR_RESULT_FORMAT',
      `${pathName(path)} was measured on ${boots.size} boots, and a comparison needs ${LEAST_BOOTS} on each side: measure with --boots ${LEAST_BOOTS} or more, and as many --samples at least`,
    );
  }
  const unit = relative ? path.calibrationNs : 1;
  const of = (field: 'p50' | 'p99') =>
    [...boots.values()].map((blocks) => median(blocks.map((block) => block[field])) / unit);
  return { p50: of('p50'), p99: of('p99') };
}

function byBoot(blocks: Blocks): Map<number, Blocks[number][]> {
  const boots = new Map<number, Blocks[number][]>();
  for (const block of blocks) {
    const boot = boots.get(block.boot);
    if (boot === undefined) boots.set(block.boot, [block]);
    else boot.push(block);
  }
  return boots;
}

function sideOf({ p50, p99 }: Sample): Side {
  return { boots: p50.length, p50: median(p50), p99: median(p99) };
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}
