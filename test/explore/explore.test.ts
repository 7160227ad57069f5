/** Budgets, seeds, shards, and what is said of how much was explored. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { withSimulation } from '../../src/explore/running/simulation.ts';
import { explore, exploreAll } from '../../src/explore/search/explore.ts';
import type { ExploreOptions } from '../../src/explore/search/explore-options.ts';
import { STRATEGIES } from '../../src/explore/search/phases.ts';
import { RandomWalk } from '../../src/explore/search/strategies/random.ts';
import * as litmus from './litmus.ts';

const RANDOM = ['random', 'pct', 'pos', 'urw', 'surw'] as const;
const HUGE = litmus.adds(4, 12);

describe('the same seed gives the same answer', () => {
  test.each(STRATEGIES)('%s', (strategy) => {
    const run = (seed: number) => {
      const { failure, foundAt, schedules } = explore(litmus.reorder(3, 1), { strategy, seed });
      return { token: failure?.token.replace(/:[^:.]*\./, ':'), foundAt, schedules };
    };
    expect(run(5)).toEqual(run(5));
    const found = new Set([1, 2, 3, 4, 5, 6, 7, 8].map((seed) => run(seed).foundAt));
    // Searches know no chance; the others do.
    expect(found.size > 1).toBe(!['dfs', 'dpor', 'states'].includes(strategy));
  });

  test.each(RANDOM)('and the same failures, in however many shards: %s', (strategy) => {
    const schedules = 4096;
    const failures = (shard?: { index: number; count: number }) =>
      explore(litmus.reorder(3, 1), {
        strategy,
        seed: 2,
        all: true,
        shrink: false,
        schedules: schedules / (shard?.count ?? 1),
        ...(shard === undefined ? {} : { shard }),
      }).failures ?? 0;
    const whole = failures();
    expect(whole).toBeGreaterThan(0);
    expect(failures({ index: 0, count: 2 }) + failures({ index: 1, count: 2 })).toBe(whole);
  });
});

describe('who found it', () => {
  test.each([
    // Lots find what fails half of the time; one change at one step of many, PCT.
    ['auto', litmus.lostUpdate(2, 1), {}, 'random'],
    ['auto', needle(), {}, 'pct(2)'],
    ['pct', litmus.reorder(2, 1), { depth: 2 }, 'pct(2)'],
    ['dfs', litmus.bluetooth(), { delays: 1 }, 'dfs(delays=1)'],
    ['dpor', litmus.deadlock01(), {}, 'dpor'],
  ] as const)('%s: %o %o: %s', (strategy, scenario, options, name) => {
    expect(explore(scenario, { strategy, seed: 1, ...options })).toMatchObject({ strategy, foundBy: name });
  });

  test('a result without a failure names no strategy', () => {
    expect(explore(litmus.adds(2, 2))).not.toHaveProperty('foundBy');
  });
});

/** Fails where one thread is stopped at one of its 16 steps, and the other then goes through all of its own. */
function needle(): Scenario<Int32Array> {
  return {
    name: 'needle',
    words: 2,
    threads: {
      slow: (s) => {
        for (let i = 0; i < 16; i++)
          if (Atomics.add(s, 0, 1) === 10 && Atomics.load(s, 1) === 16) throw new Error('found');
      },
      fast: (s) => {
        for (let i = 0; i < 16 && Atomics.load(s, 0) === 11; i++) Atomics.add(s, 1, 1);
      },
    },
  };
}

describe('a budget', () => {
  test('a budget of schedules ends a random strategy, which has then passed', () => {
    const result = explore(HUGE, { strategy: 'random', schedules: 500 });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: false, schedules: 500, steps: 500 * 48 });
  });

  test('a spent budget of schedules gives a pass that says how many schedules were run', () => {
    expect(explore(HUGE, { strategy: 'dfs', schedules: 500 })).toMatchObject({
      verdict: 'pass',
      bounded: 'the first 500 schedules',
      exhausted: false,
      schedules: 500,
    });
  });

  test('a budget of seconds leaves random, dfs and dpor without an answer', () => {
    for (const strategy of ['random', 'dfs', 'dpor'] as const) {
      const result = explore(HUGE, { strategy, seconds: 0.05, schedules: 1e9 });
      expect(result).toMatchObject({ verdict: 'unknown', exhausted: false });
      expect(result.schedules).toBeGreaterThan(0);
    }
  });

  test('a budget does not matter to a search that ends before', () => {
    const within: ExploreOptions = { strategy: 'dfs', preemptions: 1, seconds: 60 };
    expect(explore(litmus.adds(3, 2), within)).toMatchObject({
      verdict: 'pass',
      exhausted: true,
      schedules: 24,
    });
  });
});

describe('what was explored', () => {
  const said = (scenario: Scenario<Int32Array>, options: ExploreOptions) =>
    explore(scenario, options).coverage;

  test('the coverage is everything, or everything within the bound', () => {
    expect(said(litmus.adds(2, 3), { strategy: 'dfs' })).toEqual({
      statement: 'exhausted: every schedule, 20 run',
      fraction: 1,
    });
    expect(said(litmus.adds(2, 3), { strategy: 'dfs', preemptions: 1 }).statement).toBe(
      'exhausted: every schedule within dfs(preemptions=1), 6 run',
    );
    expect(said(litmus.adds(2, 3), { strategy: 'dpor' }).statement).toMatch(
      /^exhausted: every schedule, up to the order/,
    );
  });

  test('the coverage is a share of the tree, right on average and exact at the end', () => {
    // 252 schedules of equal depth: after the first hundred the share has to be near 100/252.
    const { fraction = 0, etaSeconds = 0 } = said(litmus.adds(2, 5), { strategy: 'dfs', schedules: 100 });
    expect(fraction).toBeGreaterThan(0.1);
    expect(fraction).toBeLessThan(0.9);
    expect(etaSeconds).toBeGreaterThan(0);
  });

  test('the coverage is classes, and the chance that the next one is new', () => {
    // Three writers on one word have six classes; a thousand schedules have seen them all.
    const few = explore(litmus.writers(3), { strategy: 'random', schedules: 1000 });
    expect(few).toMatchObject({ classes: 6, coverage: { nextIsNew: 0, classesAtLeast: 6 } });
    // Three threads on words of their own have one class, whatever the order.
    expect(explore(litmus.adds(3, 2, 3), { strategy: 'random', schedules: 1000 }).classes).toBe(1);
    // Of 369,600 orders of 3 x 4 adds, a hundred schedules hardly see one twice.
    const many = explore(litmus.adds(3, 4), { strategy: 'random', schedules: 100 });
    expect(many.coverage.nextIsNew).toBeGreaterThan(0.9);
    expect(many.coverage.statement).toMatch(
      /a failure that random walk meets more often than once in 33 is excluded at 95 %$/,
    );
  });

  test('the classes of readers and one writer are those of partial order reduction', () => {
    expect(explore(litmus.readers(5), { strategy: 'random', schedules: 3000 }).classes).toBe(32);
    expect(explore(litmus.lastZero(3), { strategy: 'random', schedules: 5000 }).classes).toBe(12);
    expect(explore(litmus.futexCorrect(), { strategy: 'random', schedules: 5000 }).classes).toBe(3);
  });
});

test('with all, the search counts every failure and shows the first', () => {
  expect(exploreAll(litmus.lostUpdate(2, 2), { strategy: 'dfs' })).toMatchObject({
    verdict: 'fail',
    exhausted: true,
    schedules: 70,
    failures: 64,
    failure: { kind: 'assertion', preemptions: 1, minimal: 'proved' },
  });
  expect(exploreAll(litmus.lostUpdate(2, 2))).toMatchObject({ exhausted: true, schedules: 34, failures: 28 });
});

test('a long random schedule shrinks to the shortest there is', () => {
  const long = explore(litmus.reorder(9, 1), { strategy: 'random', seed: 4, shrink: false }).failure;
  const short = explore(litmus.reorder(9, 1), { strategy: 'random', seed: 4 }).failure;
  expect(long?.preemptions).toBeGreaterThan(1);
  expect(short).toMatchObject({ kind: 'assertion', preemptions: 1, steps: 4 });
});

/** So that what is counted is kept, and not merely not collected yet. */
const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
};

test('memory stays as it is over many schedules', () => {
  const limits = { maxSteps: 1000, timeouts: 'late' } as const;
  // What a thread does depends on all that it has seen, so that hardly two of its histories are alike.
  const remembers = (words: Int32Array): void => {
    let seen = 1;
    for (let i = 0; i < 12; i++) {
      seen = (Math.imul(seen, 31) + Atomics.load(words, 0)) | 0;
      Atomics.store(words, 0, seen);
    }
  };
  const scenario = checkScenario({
    name: 'remembers',
    words: 1,
    threads: { a: remembers, b: remembers, c: remembers },
  });
  const grown = (schedules: number): number =>
    withSimulation(scenario, 1, limits, ({ simulator }) => {
      const walk = new RandomWalk(1);
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < schedules; i++) simulator.run(walk, i);
      collectGarbage();
      return process.memoryUsage().heapUsed - before;
    });
  // Each schedule has answers of its own; to keep what was learnt of each would be 2 kB and more.
  expect(grown(20_000)).toBeLessThan(30e6);
});

test.each([
  [{ strategy: 'best' as never }, /no strategy "best"; there are: auto, random/],
  [{ schedules: 0 }, /schedules has to be a whole number from 1, and is 0/],
  [{ strategy: 'dfs', preemptions: -1 }, /preemptions has to be/],
  [{ strategy: 'dfs', preemptions: 1, delays: 1 }, /by preemptions or by delays/],
  [{ depth: 0 }, /depth has to be a whole number from 1 to 64/],
  [{ steps: 0 }, /steps has to be/],
] as const)('%o is refused', (options, message) => {
  expect(() => explore(litmus.adds(2, 2), options)).toThrow(message);
});
