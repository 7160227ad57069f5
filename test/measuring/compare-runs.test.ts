import { describe, expect, test } from 'vitest';
import {
  type ComparedRun,
  compareRuns,
  LEAST_BOOTS,
} from '../../src/measuring/compare-runs/run-comparison.ts';
import { readSavedRuns } from '../../src/measuring/compare-runs/saved-runs.ts';
import { compareRunsHtml } from '../../src/report/compare-runs-html.ts';
import { compareRunsMarkdown, compareRunsText } from '../../src/report/compare-runs-text.ts';

/** A run of one path whose boots have these medians: each of three blocks, of which it is the middle one. */
function runOf(medians: readonly number[], calibrationNs = 100): ComparedRun {
  const blocks = medians.flatMap((middle, boot) =>
    [middle, middle - 1, middle * 2].map((p50) => ({ boot, p50, p99: 3 * p50 })),
  );
  return {
    steady: true,
    paths: [{ source: 'irqfd', dispatch: 'inline', waiting: 'polling', calibrationNs, blocks }],
  };
}

/** Medians that wander by a tenth around `ns`, the same way each time. */
const around = (ns: number) =>
  Array.from({ length: 12 }, (_, i) => ns * (0.95 + 0.1 * (((i * 7) % 12) / 11)));

const options = { tolerance: 0.1, relative: false };

describe('comparing two runs', () => {
  test('two equal runs show no difference', () => {
    const { regressions, paths } = compareRuns(runOf(around(500)), runOf(around(500).reverse()), options);
    expect(paths[0]).toMatchObject({ verdict: 'no difference seen', regression: false, delta: 0 });
    expect(regressions).toBe(0);
  });

  test('a run slower by more than the tolerance is a regression, and the reverse comparison is faster', () => {
    const slower = compareRuns(runOf(around(500)), runOf(around(650)), options);
    expect(slower.paths[0]).toMatchObject({ verdict: 'slower', regression: true, delta: 1 });
    expect(slower.paths[0]?.ratio).toBeCloseTo(1.3);
    expect(slower.regressions).toBe(1);
    const faster = compareRuns(runOf(around(650)), runOf(around(500)), options);
    expect(faster.paths[0]).toMatchObject({ verdict: 'faster', regression: false, delta: -1 });
  });

  test('a difference within the tolerance has a verdict, and is no regression', () => {
    const seen = compareRuns(runOf(around(500)), runOf(around(650)), { ...options, tolerance: 0.5 });
    expect(seen.paths[0]).toMatchObject({ verdict: 'slower', regression: false });
  });

  test('runs that differ only in the 99th percentiles have a verdict and bounds for these, and a regression with a p99 tolerance', () => {
    const tail = (run: ComparedRun): ComparedRun => ({
      ...run,
      paths: run.paths.map((path) => ({
        ...path,
        blocks: path.blocks.map((block) => ({ ...block, p99: 2 * block.p99 })),
      })),
    });
    const [a, b] = [runOf(around(500)), tail(runOf(around(500)))];
    const [path] = compareRuns(a, b, options).paths;
    expect(path).toMatchObject({
      verdict: 'no difference seen',
      p99: { verdict: 'slower', regression: false },
    });
    expect(path?.p99.ratio).toBeCloseTo(2);
    expect(path?.p99.bounds.low).toBeGreaterThan(1.8);
    expect(path?.p99.bounds.high).toBeLessThan(2.2);
    expect(path?.bounds.low).toBeLessThan(1);
    expect(path?.bounds.high).toBeGreaterThan(1);
    expect(compareRuns(a, b, { ...options, p99Tolerance: 0.5 }).regressions).toBe(1);
    expect(compareRuns(a, b, { ...options, p99Tolerance: 1.5 }).regressions).toBe(0);
    expect(compareRuns(a, a, { ...options, p99Tolerance: 0 }).regressions).toBe(0);
  });

  test('runs of hosts of different speed are compared as multiples of their calibration', () => {
    const [a, b] = [runOf(around(500), 100), runOf(around(1000), 200)];
    expect(compareRuns(a, b, options)).toMatchObject({ regressions: 1, sameMachine: false });
    expect(compareRuns(a, a, options)).toMatchObject({ regressions: 0, sameMachine: true });
    expect(compareRuns(a, b, { ...options, relative: true }).paths[0]?.verdict).toBe('no difference seen');
  });

  test('more blocks of one boot are no more evidence', () => {
    const many = (run: ComparedRun): ComparedRun => ({
      ...run,
      paths: run.paths.map((path) => ({
        ...path,
        blocks: Array.from({ length: 20 }, () => path.blocks).flat(),
      })),
    });
    const [a, b] = [runOf([500, 510, 520, 530, 540, 550]), runOf([515, 525, 535, 545, 555, 565])];
    const [few, lots] = [compareRuns(a, b, options), compareRuns(many(a), many(b), options)];
    expect(few.paths[0]?.verdict).toBe('no difference seen');
    expect(lots.paths).toEqual(few.paths);
    expect(lots.paths[0]?.a).toEqual({ boots: 6, p50: 525, p99: 1575 });
  });

  test('the fewest allowed boots show a clear difference, even with ties', () => {
    const [a, b] = [runOf(Array(LEAST_BOOTS).fill(500)), runOf(Array(LEAST_BOOTS).fill(600))];
    expect(compareRuns(a, b, options).paths[0]).toMatchObject({ verdict: 'slower', regression: true });
  });

  test('runs with too few boots, or no common path, are refused', () => {
    const few = runOf(around(500).slice(0, LEAST_BOOTS - 1));
    expect(() => compareRuns(few, runOf(around(500)), options)).toThrow(/needs 6 on each side/);
    expect(() => compareRuns({ steady: true, paths: [] }, runOf(around(500)), options)).toThrow(
      expect.objectContaining({ code: 'ERR_RESULT_FORMAT' }),
    );
  });
});

describe('a saved run', () => {
  const saved = (p50: number) =>
    JSON.stringify({
      schemaVersion: 1,
      command: 'latency',
      calibration: { steady: true },
      paths: [
        {
          source: 'sgi',
          dispatch: 'inline',
          waiting: 'parked',
          ratio: { calibrationNs: 10 },
          blocks: [{ boot: 0, p50, p99: p50 }],
        },
      ],
    });

  test('a saved run is read back, and several runs in one file form one sample', () => {
    const run = readSavedRuns(`${saved(1)}\n${saved(2)}\n`, 'a.json');
    expect(run.paths[0]?.blocks.map(({ boot, p50 }) => [boot, p50])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(run.paths[0]).toMatchObject({ source: 'sgi', calibrationNs: 10 });
  });

  test.each([
    ['', /empty/],
    ['{', /line 1/],
    ['{"command":"stress","paths":[]}', /latency --json/],
    [
      saved(1).replace('"schemaVersion":1', '"schemaVersion":9'),
      /its schemaVersion is 9, and this irqloom reads 1/,
    ],
    [saved(1).replace('sgi', 'smoke'), /path/],
    [saved(1).replace('"p50":1', '"p50":"1"'), /block/],
    [saved(1).replace('"boot":0', '"boot":"first"'), /block/],
    [`${saved(1)}\n${saved(1).replace('parked', 'polling')}`, /same paths/],
  ])('that is damaged is refused: %s', (text, message) => {
    const read = () => readSavedRuns(text, 'a.json');
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_RESULT_FORMAT' }));
  });
});

describe('a comparison as text, Markdown and a page', () => {
  const said = (steady: boolean) => {
    const [a, b] = [runOf(around(500)), runOf(around(650))];
    const comparison = compareRuns({ ...a, steady }, b, options);
    return [
      compareRunsText(comparison),
      compareRunsMarkdown(comparison),
      compareRunsHtml(comparison, 'a.json', 'b.json'),
    ];
  };

  test('has the verdict and the confidence interval of the median and of the 99th percentile', () => {
    for (const text of said(true)) {
      expect(text).toContain('p99: B is');
      expect(text).toContain('from … to p99');
      expect(text).toContain('slower: a regression');
      expect(text).toContain('1 regression past 10 %');
      expect(text).not.toContain('unsteady');
    }
  });

  test('has "unsteady" in its verdict where the machine changed during a run', () => {
    for (const text of said(false)) expect(text).toContain('1 regression past 10 %, but a run was unsteady');
  });
});
