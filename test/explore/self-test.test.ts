/**
 * The explorer against exact values: numbers of schedules, of classes, of failing ones, and the chance of a failure,
 * computed by brute force for programs of known behaviour. They are the arbiter: where one does not come out, the
 * explorer is wrong. How fast the samplers find failures is in samplers.test.ts.
 */
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/loading/scenario.ts';
import { Dfs } from '../../src/explore/search/strategies/dfs.ts';
import { Dpor } from '../../src/explore/search/strategies/dpor.ts';
import { RandomWalk } from '../../src/explore/search/strategies/random.ts';
import { count, leastBound } from './drive.ts';
import * as litmus from './litmus.ts';

type Row = {
  readonly program: Scenario<Int32Array>;
  readonly schedules: number;
  readonly steps?: number;
  readonly traces: number;
  readonly buggyTraces?: number;
  /** Schedules of `dpor` in which the others go on after a thread has thrown. */
  readonly extra?: number;
  readonly buggy?: number;
  readonly chance?: number;
  readonly preemptions?: number;
  readonly delays?: number;
  readonly byPreemptions?: readonly [number, number, number, number];
  readonly byDelays?: readonly [number, number, number, number];
};

const ROWS: readonly Row[] = [
  {
    program: litmus.storeBuffer(),
    schedules: 20,
    steps: 6,
    traces: 3,
    byPreemptions: [2, 6, 14, 18],
    byDelays: [1, 4, 10, 16],
  },
  {
    program: litmus.messagePassing(),
    schedules: 3,
    steps: 4,
    traces: 2,
    byPreemptions: [2, 3, 3, 3],
    byDelays: [1, 3, 3, 3],
  },
  {
    program: litmus.writeWrite([0, 1], [1, 0]),
    schedules: 6,
    steps: 4,
    traces: 3,
    byPreemptions: [2, 4, 6, 6],
    byDelays: [1, 3, 5, 6],
  },
  {
    program: litmus.writeWrite([0, 1], [0, 1]),
    schedules: 6,
    steps: 4,
    traces: 4,
    byPreemptions: [2, 4, 6, 6],
    byDelays: [1, 3, 5, 6],
  },
  { program: litmus.adds(2, 2), schedules: 6, traces: 6 },
  { program: litmus.adds(2, 3), schedules: 20, traces: 20 },
  { program: litmus.adds(2, 4), schedules: 70, traces: 70 },
  {
    program: litmus.adds(2, 5),
    schedules: 252,
    traces: 252,
    byPreemptions: [2, 10, 42, 90],
    byDelays: [1, 6, 26, 66],
  },
  {
    program: litmus.adds(3, 2),
    schedules: 90,
    steps: 6,
    traces: 90,
    byPreemptions: [6, 24, 60, 90],
    byDelays: [1, 5, 15, 30],
  },
  {
    program: litmus.adds(3, 2, 3),
    schedules: 90,
    steps: 6,
    traces: 1,
    byPreemptions: [6, 24, 60, 90],
    byDelays: [1, 5, 15, 30],
  },
  { program: litmus.oneShotCas(3), schedules: 6, traces: 3 },
  { program: litmus.oneShotCas(4), schedules: 24, traces: 4 },
  { program: litmus.writers(3), schedules: 6, traces: 6 },
  { program: litmus.writers(4), schedules: 24, traces: 24 },
  { program: litmus.writers(5), schedules: 120, traces: 120 },
  { program: litmus.readers(2), schedules: 6, traces: 4 },
  { program: litmus.readers(3), schedules: 24, traces: 8 },
  { program: litmus.readers(5), schedules: 720, traces: 32 },
  { program: litmus.readers(8), schedules: 362_880, traces: 256, byDelays: [1, 9, 44, 155] },
  { program: litmus.lastZero(2), schedules: 35, traces: 5 },
  { program: litmus.lastZero(3), schedules: 920, traces: 12 },
  {
    program: litmus.lastZero(4),
    schedules: 44_300,
    traces: 28,
    byPreemptions: [120, 1166, 5940, 18_243],
    byDelays: [1, 8, 38, 133],
  },
  {
    program: litmus.lostUpdate(2, 1),
    schedules: 6,
    steps: 4,
    traces: 4,
    buggyTraces: 2,
    buggy: 4,
    chance: 0.5,
    preemptions: 1,
    delays: 1,
    byPreemptions: [2, 4, 6, 6],
    byDelays: [1, 3, 5, 6],
  },
  {
    program: litmus.lostUpdate(2, 2),
    schedules: 70,
    steps: 8,
    traces: 34,
    buggyTraces: 28,
    buggy: 64,
    chance: 0.8125,
    preemptions: 1,
    delays: 1,
    byPreemptions: [2, 8, 26, 44],
    byDelays: [1, 5, 17, 35],
  },
  {
    program: litmus.lostUpdate(2, 3),
    schedules: 924,
    steps: 12,
    traces: 328,
    buggyTraces: 308,
    buggy: 904,
    chance: 0.933594,
    preemptions: 1,
    delays: 1,
    byPreemptions: [2, 12, 62, 162],
    byDelays: [1, 7, 37, 112],
  },
  {
    program: litmus.lostUpdate(3, 1),
    schedules: 90,
    steps: 6,
    traces: 36,
    buggyTraces: 30,
    buggy: 84,
    chance: 0.833333,
    preemptions: 1,
    delays: 1,
    byPreemptions: [6, 24, 60, 90],
    byDelays: [1, 5, 15, 30],
  },
  {
    program: litmus.reorder(2, 1),
    schedules: 162,
    steps: 8,
    traces: 52,
    buggyTraces: 8,
    extra: 12,
    buggy: 8,
    chance: 0.049383,
    preemptions: 1,
    delays: 2,
    byPreemptions: [6, 24, 74, 138],
    byDelays: [1, 5, 19, 35],
  },
  {
    program: litmus.reorder(3, 1),
    schedules: 6573,
    steps: 10,
    traces: 1089,
    buggyTraces: 57,
    extra: 216,
    buggy: 57,
    chance: 0.038086,
    preemptions: 1,
    delays: 3,
    byPreemptions: [24, 171, 813, 2505],
    byDelays: [1, 7, 35, 103],
  },
  {
    program: litmus.bluetooth(),
    schedules: 73,
    steps: 10,
    traces: 10,
    buggyTraces: 1,
    extra: 1,
    buggy: 4,
    chance: 0.039063,
    preemptions: 1,
    delays: 1,
    byPreemptions: [2, 9, 22, 44],
    byDelays: [1, 5, 17, 37],
  },
  {
    program: litmus.deadlock01(),
    schedules: 6,
    steps: 10,
    traces: 3,
    buggyTraces: 1,
    buggy: 2,
    chance: 0.5,
    preemptions: 1,
    delays: 1,
    byPreemptions: [2, 6, 6, 6],
    byDelays: [1, 4, 6, 6],
  },
  {
    program: litmus.futexLostWakeup(),
    schedules: 6,
    steps: 4,
    traces: 4,
    buggyTraces: 1,
    buggy: 2,
    chance: 0.25,
    preemptions: 1,
    delays: 2,
    byPreemptions: [2, 4, 6, 6],
    byDelays: [1, 3, 5, 6],
  },
  {
    program: litmus.futexCorrect(),
    schedules: 6,
    steps: 5,
    traces: 3,
    byPreemptions: [2, 4, 5, 6],
    byDelays: [1, 3, 5, 6],
  },
  {
    program: litmus.futexMutex(2),
    schedules: 412,
    steps: 18,
    traces: 24,
    byPreemptions: [2, 8, 20, 44],
    byDelays: [1, 5, 14, 32],
  },
];

describe.each(ROWS.map((row) => ({ name: row.program.name, row })))('$name', ({ row }) => {
  const { program } = row;

  test('every schedule is run once, and those that fail are counted', () => {
    const counted = count(program, new Dfs());
    expect(counted).toMatchObject({ schedules: row.schedules, failing: row.buggy ?? 0 });
    if (row.steps !== undefined) expect(counted.mostSteps).toBe(row.steps);
  });

  test('one schedule of each class is run by dpor, and no other where no thread throws', () => {
    const counted = count(program, new Dpor());
    expect(counted).toMatchObject({ schedules: row.traces, failing: row.buggyTraces ?? 0 });
    expect(counted.pruned).toBe(row.extra ?? 0);
  });

  test('each bound lets through exactly the schedules within it', () => {
    const within = (kind: 'preemptions' | 'delays') =>
      [0, 1, 2, 3].map((most) => count(program, new Dfs({ kind, most })).schedules);
    if (row.byPreemptions !== undefined) expect(within('preemptions')).toEqual(row.byPreemptions);
    if (row.byDelays !== undefined) expect(within('delays')).toEqual(row.byDelays);
  });

  test('the failure needs as many preemptions and delays as it should', () => {
    expect(leastBound(program, 'preemptions', row.preemptions ?? 1)).toBe(row.preemptions ?? -1);
    expect(leastBound(program, 'delays', row.delays ?? 1)).toBe(row.delays ?? -1);
  });

  test('a random walk fails as often as it should', () => {
    const chance = row.chance ?? 0;
    const n = 20_000;
    const { failing } = count(program, new RandomWalk(7), n);
    // Four standard deviations: one in 16,000 by chance, and the seed is fixed.
    expect(Math.abs(failing / n - chance)).toBeLessThanOrEqual(4 * Math.sqrt((chance * (1 - chance)) / n));
  });
});

test('a futex mutex of three threads has as many classes as the older search, which knew no blocks, found', () => {
  expect(count(litmus.futexMutex(3), new Dpor())).toMatchObject({
    schedules: 115_242,
    pruned: 0,
    failing: 0,
  });
}, 120_000);

test('Peterson is correct, with as many classes as it should have', () => {
  expect(count(litmus.peterson(3), new Dpor())).toMatchObject({ schedules: 34, failing: 0 });
});
