import { IrqError } from '../../errors/irq-error.ts';
import { rankTest } from '../../measure/rank-test.ts';
import { type Path, pathName } from './plan.ts';

/** What a comparison needs of a result of `irqloom latency`. */
export type ComparedRun = {
  readonly steady: boolean;
  readonly paths: readonly (Path & {
    readonly calibrationNs: number;
    readonly blocks: readonly { readonly p50: number; readonly p99: number }[];
  })[];
};

/** One path in both runs. */
type PathComparison = Path & {
  readonly verdict: 'faster' | 'slower' | 'no difference seen';
  /** Slower, and by more than is tolerated. */
  readonly regression: boolean;
  /** Median of B by median of A: 1.1 is 10 % slower. */
  readonly ratio: number;
  /** How likely so large a difference is if there is none. */
  readonly p: number;
  /** Cliff's delta, -1 to 1: above zero B is slower. */
  readonly delta: number;
  readonly a: Side;
  readonly b: Side;
};

/** Medians over the blocks of a side: of their medians, and of their 99th percentiles; ns, or multiples of the calibration. */
type Side = { readonly blocks: number; readonly p50: number; readonly p99: number };

/** What `irqloom compare-runs --json` prints. */
export type RunComparison = {
  readonly schemaVersion: 1;
  readonly command: 'compare-runs';
  /** How much slower is still tolerated: 0.1 is 10 %. */
  readonly tolerance: number;
  /** Whether times are multiples of each run's own calibration. */
  readonly relative: boolean;
  readonly steady: boolean;
  readonly regressions: number;
  readonly paths: readonly PathComparison[];
  /** Paths that only one of the two has. */
  readonly unmatched: readonly string[];
};

/** With fewer blocks on a side even the clearest difference could be chance. */
export const LEAST_BLOCKS = 5;

/**
 * Compares two runs, path by path. The samples are the medians of the blocks, which the paths took turns with: within a
 * block, signals that follow each other are too much alike to count as evidence each.
 * @throws IrqError `ERR_RESULT_FORMAT` where they have no path in common, or too few blocks
 */
export function compareRuns(
  a: ComparedRun,
  b: ComparedRun,
  { tolerance, relative }: { readonly tolerance: number; readonly relative: boolean },
): RunComparison {
  const other = new Map(b.paths.map((path) => [pathName(path), path]));
  const paths = a.paths.flatMap((left): PathComparison[] => {
    const right = other.get(pathName(left));
    if (!right) return [];
    const [before, now] = [sampleOf(left, relative), sampleOf(right, relative)];
    const { verdict, p, delta } = rankTest(before.p50, now.p50);
    const [sideA, sideB] = [sideOf(before), sideOf(now)];
    const ratio = sideB.p50 / sideA.p50;
    return [
      {
        source: left.source,
        dispatch: left.dispatch,
        waiting: left.waiting,
        verdict,
        regression: verdict === 'slower' && ratio > 1 + tolerance,
        ratio,
        p,
        delta,
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
    relative,
    steady: a.steady && b.steady,
    regressions: paths.filter(({ regression }) => regression).length,
    paths,
    unmatched: [...a.paths, ...b.paths].map(pathName).filter((name) => !matched.has(name)),
  };
}

type Sample = { readonly p50: readonly number[]; readonly p99: readonly number[] };

function sampleOf(path: ComparedRun['paths'][number], relative: boolean): Sample {
  if (path.blocks.length < LEAST_BLOCKS) {
    throw new IrqError(
      'ERR_RESULT_FORMAT',
      `${pathName(path)} has ${path.blocks.length} blocks, and a comparison needs ${LEAST_BLOCKS} on each side: measure with more --samples`,
    );
  }
  const unit = relative ? path.calibrationNs : 1;
  return {
    p50: path.blocks.map((block) => block.p50 / unit),
    p99: path.blocks.map((block) => block.p99 / unit),
  };
}

function sideOf({ p50, p99 }: Sample): Side {
  return { blocks: p50.length, p50: median(p50), p99: median(p99) };
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}
