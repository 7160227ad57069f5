/** A depth-first search in pieces: together they are the search, in whichever threads they run. */
import { describe, expect, test } from 'vitest';
import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { type Simulation, withSimulation } from '../../src/explore/running/simulation.ts';
import { explore } from '../../src/explore/search/explore.ts';
import type { ExploreOptions } from '../../src/explore/search/explore-options.ts';
import { piecesFor, splitTree, takeShare } from '../../src/explore/search/split.ts';
import { type Bound, Dfs } from '../../src/explore/search/strategies/dfs.ts';
import type { Piece } from '../../src/explore/search/strategies/pieces.ts';
import { addsUpInShards } from '../exploring.ts';
import * as litmus from './litmus.ts';

/** A loop that awaits a change, and bytes that two threads turn out to share: both are found out while schedules run. */
const SPIN: Scenario<Int32Array> = {
  name: 'spin',
  words: 2,
  threads: {
    waits: (s) => {
      while (Atomics.load(s, 0) === 0);
      if (Atomics.add(s, 1, 1) === 2) throw new Error('last');
    },
    adds: (s) => {
      for (let i = 0; i < 2; i++) Atomics.add(s, 1, 1);
    },
    sets: (s) => void Atomics.store(s, 0, 1),
  },
};
const adder = (s: Int32Array): void => {
  s[1] = Atomics.load(s, 0);
  Atomics.add(s, 0, s[1] === 1 ? 2 : 1);
  if (s[1] === 2) Atomics.store(s, 2, 1);
};
const PLAIN: Scenario<Int32Array> = {
  name: 'plain',
  words: 3,
  threads: { a: adder, b: adder },
  finally: (s) => {
    if (s[0] === 3) throw new Error('three');
  },
};

const PROGRAMS: readonly Scenario<Int32Array>[] = [
  SPIN,
  PLAIN,
  litmus.storeBuffer(),
  litmus.messagePassing(),
  litmus.adds(2, 5),
  litmus.adds(3, 2, 3),
  litmus.oneShotCas(4),
  litmus.writers(5),
  litmus.readers(5),
  litmus.lastZero(3),
  litmus.lostUpdate(2, 3),
  litmus.lostUpdate(3, 1),
  litmus.reorder(3, 1),
  litmus.bluetooth(),
  litmus.deadlock01(),
  litmus.futexLostWakeup(),
  litmus.futexCorrect(),
  litmus.futexMutex(2),
];
const BOUNDS: readonly Bound[] = [
  { kind: 'none' },
  { kind: 'preemptions', most: 0 },
  { kind: 'preemptions', most: 2 },
  { kind: 'delays', most: 3 },
];

function simulated<T>(program: Scenario<Int32Array>, body: (simulation: Simulation) => T): T {
  return withSimulation(checkScenario(program), 1, { maxSteps: 1000, timeouts: 'late' }, body);
}

/** Every schedule of a search by its choices, in order, and how it ended. */
function schedules({ simulator }: Simulation, dfs: Dfs): string[] {
  const all: string[] = [];
  for (let i = 0; ; i++) {
    const how = simulator.run(dfs, i);
    if (how === undefined) return all;
    all.push(`${simulator.choices.subarray(0, simulator.choiceCount).join('')} ${how}`);
  }
}

const split = ({ simulator }: Simulation, bound: Bound, count: number): readonly Piece[] =>
  splitTree(simulator, bound, count, (body) => body()) ?? [];

describe.each(PROGRAMS.map((program) => ({ name: program.name, program })))('$name', ({ program }) => {
  test('the pieces hold every schedule once, in the order of the search', () => {
    for (const bound of BOUNDS) {
      const whole = simulated(program, (simulation) => schedules(simulation, new Dfs(bound)));
      for (const count of [1, 2, 7, 64, 1024]) {
        const pieces = simulated(program, (simulation) => split(simulation, bound, count));
        expect(pieces.length).toBeGreaterThanOrEqual(Math.min(count, whole.length));
        // Each by a process of its own, which knows nothing of how the threads go on.
        const each = (piece: Piece) =>
          simulated(program, (simulation) => schedules(simulation, new Dfs(bound, [piece])));
        if (count <= 7) expect(pieces.flatMap(each)).toEqual(whole);
        const { all, fraction } = simulated(program, (simulation) => {
          const together = new Dfs(bound, pieces);
          return { all: schedules(simulation, together), fraction: together.fraction };
        });
        expect(all).toEqual(whole);
        expect(fraction).toBeCloseTo(1, 9);
      }
    }
  });

  test('shards have each schedule once, and fail as often together', () => {
    for (const limit of [{}, { preemptions: 1 }, { delays: 2 }] satisfies ExploreOptions[]) {
      const options: ExploreOptions = { strategy: 'dfs', all: true, shrink: false, ...limit };
      for (const count of [2, 3]) {
        const { whole, shards } = addsUpInShards(program, options, count);
        expect(shards.some(({ verdict }) => verdict === 'fail')).toBe(whole.verdict === 'fail');
      }
    }
  });
});

test('shards get about the same, and each something', () => {
  const shares = [0, 1, 2].map(
    (index) =>
      explore(litmus.lastZero(4), { strategy: 'dfs', shard: { index, count: 3 } }).schedules / 44_300,
  );
  for (const share of shares) expect(share).toBeGreaterThan(0.2);
});

test('a piece that is left out is missed', () => {
  const bound: Bound = { kind: 'none' };
  simulated(litmus.adds(2, 5), (simulation) => {
    const pieces = split(simulation, bound, 8);
    expect(schedules(simulation, new Dfs(bound, pieces.slice(1))).length).toBeLessThan(252);
  });
});

test('pieces of another tree are refused', () => {
  const bound: Bound = { kind: 'none' };
  const pieces = simulated(litmus.adds(3, 2), (simulation) => split(simulation, bound, 30));
  simulated(litmus.adds(2, 2), (simulation) => {
    expect(() => schedules(simulation, new Dfs(bound, pieces))).toThrow(/cannot be shared out/);
  });
});

describe('what is said', () => {
  const shard = { index: 1, count: 3 };

  test('the statement names the share of a search', () => {
    const { statement } = explore(litmus.adds(2, 3), { strategy: 'dfs', preemptions: 1, shard }).coverage;
    expect(statement).toBe('exhausted: every schedule of shard 2/3 within dfs(preemptions=1), 2 run');
  });

  test('the statement covers shards with nothing to do', () => {
    const none = explore(litmus.adds(2, 2), { strategy: 'dfs', shard: { index: 40, count: 50 } });
    expect(none).toMatchObject({ verdict: 'pass', exhausted: true, schedules: 0 });
  });

  test('under auto the bounded searches and dpor are divided', () => {
    const limited = (count: number) =>
      [...Array(count).keys()].map((index) =>
        explore(litmus.futexMutex(2), count === 1 ? {} : { shard: { index, count } }),
      );
    const random = 5 * 256;
    const [one] = limited(1);
    const searched = (one?.schedules ?? 0) - random;
    const three = limited(3).map((result) => result.schedules - random);
    // 2 + 8 + 20 schedules within 0, 1 and 2 preemptions, and 24 classes.
    expect(searched).toBe(54);
    expect(three.reduce((sum, n) => sum + n, 0)).toBe(54);
  });

  test('the statement says how far a share has come', () => {
    const { coverage } = explore(litmus.adds(3, 4), { strategy: 'dfs', schedules: 500, shard });
    expect(coverage.statement).toMatch(/^500 schedules, about \S+ % of shard 2\/3 of dfs, the rest/);
    // 34,650 schedules in all, in trees that are about even.
    expect(coverage.fraction).toBeGreaterThan(0.01);
    expect(coverage.fraction).toBeLessThan(0.2);
  });
});

test('what the pieces are depends on the number of shards alone', () => {
  expect([1, 3, 100].map(piecesFor)).toEqual([64, 192, 1024]);
  const pieces = [0, 1, 2, 3, 4].map((i): Piece => ({ taken: [i], of: [5], share: 1 / 5 }));
  expect(takeShare(pieces, { index: 1, count: 2 }).map(({ taken }) => taken[0])).toEqual([1, 3]);
});
