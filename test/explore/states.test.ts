/**
 * The search of states: its verdicts are those of every schedule, in fewer runs where schedules come to the same states. That
 * everything comes out that can is in judge.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { withSimulation } from '../../src/explore/running/simulation.ts';
import { explore } from '../../src/explore/search/explore.ts';
import { Dfs } from '../../src/explore/search/strategies/dfs.ts';
import { States } from '../../src/explore/search/strategies/states.ts';
import type { Strategy } from '../../src/explore/search/strategies/strategy.ts';
import { loadMutated } from '../mutate.ts';
import { count } from './drive.ts';
import * as litmus from './litmus.ts';

/** Schedules that are run to their end, and those that are given up at a state met before. */
const ROWS: readonly (readonly [Scenario<Int32Array>, number, number])[] = [
  [litmus.storeBuffer(), 6, 8],
  [litmus.writers(5), 20, 70],
  [litmus.adds(3, 2), 90, 0],
  [litmus.lastZero(4), 46, 640],
  [litmus.reorder(4, 1), 29, 1444],
  [litmus.futexMutex(2), 20, 50],
];

describe('each state is searched from once', () => {
  test.each(ROWS.map(([program, ...runs]) => ({ name: program.name, program, runs })))(
    '$name',
    ({ program, runs }) => {
      const search = new States();
      const { schedules, pruned, failing } = count(program, search);
      expect([schedules, pruned]).toEqual(runs);
      expect(search.extra).toBe(pruned);
      expect(failing > 0).toBe(count(program, new Dfs({ kind: 'preemptions', most: 1 })).failing > 0);
    },
  );

  test('the statement of a search of states counts the states', () => {
    const { verdict, exhausted, coverage } = explore(litmus.writers(5), { strategy: 'states' });
    expect({ verdict, exhausted }).toEqual({ verdict: 'pass', exhausted: true });
    expect(coverage.statement).toBe('exhausted: every state (76), 20 run, 70 more showed nothing new');
  });
});

describe('the order of sleepers is a part of the state', () => {
  const sleeper = (words: Int32Array, id: number) => {
    Atomics.wait(words, 0, 0);
    Atomics.compareExchange(words, 1, 0, id);
  };
  const inTurn: Scenario<Int32Array> = {
    name: 'in-turn',
    words: 2,
    threads: {
      a: (words) => sleeper(words, 1),
      b: (words) => sleeper(words, 2),
      waker(words) {
        Atomics.notify(words, 0, 1);
        while (Atomics.load(words, 1) === 0);
        Atomics.store(words, 0, 1);
        Atomics.notify(words, 0);
      },
    },
    outcomes: { of: (words) => `${Atomics.load(words, 1)}`, allowed: ['1', '2'] },
  };
  const firsts = (search: Strategy): ReadonlySet<string> =>
    withSimulation(checkScenario(inTurn), 1, { maxSteps: 1000, timeouts: 'late' }, ({ simulator }) => {
      const seen = new Set<string>();
      for (let i = 0; simulator.run(search, i) !== undefined; i++)
        if (simulator.outcome !== undefined) seen.add(simulator.outcome);
      return seen;
    });

  test('either of two sleepers may be the first to be woken', () => {
    expect(firsts(new States())).toEqual(new Set(['1', '2']));
  });

  test('a search that forgets the sleepers loses schedules', () => {
    const { search } = loadMutated<{ search: { States: typeof States } }>(
      { search: 'explore/search/strategies/states.ts' },
      'sleepers-in-turn: forgotten',
    );
    expect(firsts(new search.States()).size).toBeLessThan(2);
  });
});

test('a search of states with plain accesses as steps runs every schedule: races between them are no part of a state', () => {
  const program: Scenario<Int32Array> = {
    name: 'plain',
    words: 2,
    threads: {
      a: (words) => {
        words[0] = 1;
        words[1] = 1;
      },
      b: (words) => {
        words[0] = 1;
        words[1] = 1;
      },
    },
  };
  const [all, states] = (['dfs', 'states'] as const).map((strategy) => explore(program, { strategy }));
  expect(states?.schedules).toBe(all?.schedules);
  expect(states?.dataRaces).toEqual(all?.dataRaces);
  expect(states?.dataRaces).not.toEqual([]);
});

describe('auto searches states where stores make far fewer states than classes', () => {
  const store = (value: number) => (words: Int32Array) => {
    for (let i = 0; i < 3; i++) Atomics.store(words, 0, value);
  };
  const stores: Scenario<Int32Array> = {
    name: 'stores',
    words: 1,
    threads: { a: store(1), b: store(2), c: store(3), d: store(4) },
  };

  test('twelve stores of four threads to one word have 369,600 classes, and their states are searched', () => {
    const { verdict, exhausted, coverage } = explore(stores);
    expect({ verdict, exhausted }).toEqual({ verdict: 'pass', exhausted: true });
    expect(coverage.statement).toMatch(/^exhausted: every state \([\d,]+\), [\d,]+ run/);
  });

  test.each([
    ['programs whose threads look at what others write', litmus.adds(2, 4)],
    ['programs whose threads sleep', litmus.futexMutex(2)],
  ])('auto searches classes in %s', (_, program) => {
    const { verdict, exhausted, coverage } = explore(program);
    expect({ verdict, exhausted }).toEqual({ verdict: 'pass', exhausted: true });
    expect(coverage.statement).toMatch(/up to the order of steps/);
  });
});

test('a search of states cannot be divided among shards', () => {
  const shard = { index: 0, count: 2 };
  expect(() => explore(litmus.adds(2, 2), { strategy: 'states', shard })).toThrow(
    /states cannot be divided among shards: .*dpor, dfs and the random strategies can/,
  );
});
