/**
 * The search of classes, `dpor`: its subtrees hold each class once, in whichever processes they run, and the rules that make it so are
 * needed. Its numbers of classes are in self-test.test.ts, and judge.test.ts holds it against all schedules.
 */
import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { EVERYTHING } from '../../src/explore/memory/ownership.ts';
import { type Simulation, withSimulation } from '../../src/explore/running/simulation.ts';
import type { Timeouts } from '../../src/explore/running/simulator-options.ts';
import { explore } from '../../src/explore/search/explore.ts';
import { splitClasses, takeShare } from '../../src/explore/search/split.ts';
import { Dfs } from '../../src/explore/search/strategies/dfs.ts';
import { Dpor, EVERY_CLASS, type Subtree } from '../../src/explore/search/strategies/dpor.ts';
import { PRUNE, type Strategy } from '../../src/explore/search/strategies/strategy.ts';
import { AbstractLock } from '../../src/explore/telling/abstract-lock.ts';
import { addsUpInShards } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';
import { classKey } from './judge/classes.ts';
import { toScenario } from './judge/javascript.ts';
import { randomProgram } from './judge/random-program.ts';
import * as litmus from './litmus.ts';

/**
 * Two sleepers of which a notify wakes one or both, a lock, and a wait while it is held. Of the steps that may come before
 * the last sleep, none has to; that all of them do is another schedule than the one that the classes without them come from.
 */
const sleepersAndLock: Scenario<Int32Array> = {
  name: 'sleepers-and-lock',
  words: 3,
  threads: {
    first(words) {
      Atomics.wait(words, 0, 0);
      const mutex = new AbstractLock(words, 2);
      mutex.lock();
      mutex.unlock();
    },
    holder(words) {
      Atomics.store(words, 0, 1);
      const mutex = new AbstractLock(words, 2);
      mutex.lock();
      Atomics.wait(words, 1, 0);
      mutex.unlock();
    },
    waker(words) {
      Atomics.notify(words, 0);
      Atomics.store(words, 1, 1);
      Atomics.notify(words, 1);
    },
    last: (words) => void Atomics.wait(words, 0, 0),
  },
};

type Fault = 'twice' | 'lost';
type Found = { readonly classes: readonly string[]; readonly extra: number };

function simulated<S, T>(program: Scenario<S>, timeouts: Timeouts, body: (simulation: Simulation) => T): T {
  const options = { maxSteps: 1000, timeouts, shared: EVERYTHING };
  return withSimulation(checkScenario(program), 1, options, (simulation) => {
    simulation.simulator.recordAlways = true;
    return body(simulation);
  });
}

/** The classes of all schedules of a search, in order; undefined where there are more than `most`. */
function search({ simulator }: Simulation, strategy: Strategy, most = Infinity): Found | undefined {
  const classes: string[] = [];
  let extra = 0;
  for (let i = 0; classes.length <= most; i++) {
    const how = simulator.run(strategy, i);
    if (how === undefined) return { classes, extra };
    if (strategy.retraced === true) continue;
    if (how === 'pruned') extra++;
    else classes.push(classKey(simulator));
  }
  return undefined;
}

const split = ({ simulator }: Simulation, count: number): readonly Subtree[] =>
  splitClasses(simulator, count, (body) => body()) ?? [];

/** A wait that sleeps, and a compareExchange that takes place, only after the store: they conflict with more then. */
const CHANGED: readonly Scenario<Int32Array>[] = [
  {
    name: 'wait-after-store',
    words: 1,
    threads: {
      waits: (words) => void Atomics.wait(words, 0, 2),
      wakes: (words) => void Atomics.notify(words, 0),
      stores: (words) => void Atomics.store(words, 0, 2),
    },
  },
  {
    name: 'compare-exchange-after-store',
    words: 1,
    threads: {
      exchanges: (words) => void Atomics.compareExchange(words, 0, 2, 7),
      loads: (words) => void Atomics.load(new Int8Array(words.buffer), 2),
      stores: (words) => void Atomics.store(new Int8Array(words.buffer), 0, 2),
    },
  },
];

const PROGRAMS: readonly Scenario<Int32Array>[] = [
  ...CHANGED,
  litmus.storeBuffer(),
  litmus.adds(3, 2),
  litmus.adds(3, 2, 3),
  litmus.oneShotCas(4),
  litmus.readers(5),
  litmus.lastZero(4),
  litmus.lostUpdate(2, 3),
  litmus.reorder(2, 1),
  litmus.bluetooth(),
  litmus.deadlock01(),
  litmus.futexLostWakeup(),
  litmus.futexMutex(2),
  litmus.peterson(3),
];

test('a class is found though more steps before the one that is moved would change what comes by itself', () => {
  const found = simulated(sleepersAndLock, 'late', (simulation) => [
    search(simulation, new Dfs()),
    search(simulation, new Dpor()),
  ]);
  expect(new Set(found[0]?.classes).size).toBe(36);
  expect([...(found[1]?.classes ?? [])].sort()).toEqual([...new Set(found[0]?.classes)].sort());
});

test.each(CHANGED)(
  '$name: a step that gets another answer conflicts with more, and no class is lost',
  (program) => {
    const classes = (strategy: Strategy) =>
      simulated(program, 'never', (simulation) => search(simulation, strategy))?.classes ?? [];
    expect(new Set(classes(new Dfs())).size).toBe(3);
    expect([...classes(new Dpor())].sort()).toEqual([...new Set(classes(new Dfs()))].sort());
  },
);

describe('the subtrees of the search hold each class once', () => {
  test.each(PROGRAMS.map((program) => ({ name: program.name, program })))('$name', ({ program }) => {
    const whole = simulated(program, 'late', (simulation) => search(simulation, new Dpor()));
    for (const count of [1, 2, 5, 20]) {
      const subtrees = simulated(program, 'late', (simulation) => split(simulation, count));
      expect(subtrees.length).toBeGreaterThanOrEqual(Math.min(count, whole?.classes.length ?? 0));
      // Each by a process of its own, which knows nothing of how the threads go on.
      const each = subtrees.map((subtree) =>
        simulated(program, 'late', (simulation) => search(simulation, new Dpor([subtree]))),
      );
      expect(each.flatMap((found) => found?.classes)).toEqual(whole?.classes);
      expect(each.reduce((sum, found) => sum + (found?.extra ?? 0), 0)).toBe(whole?.extra);
    }
  });

  test('the subtrees of random programs hold each class once, too', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const program = toScenario(randomProgram(seed));
      const timeouts = (['late', 'any', 'never'] as const)[seed % 3] ?? 'late';
      const whole = simulated(program, timeouts, (simulation) => search(simulation, new Dpor(), 300));
      if (whole === undefined) continue;
      const subtrees = simulated(program, timeouts, (simulation) => split(simulation, 7));
      const shares = [0, 1, 2].map((index) => takeShare(subtrees, { index, count: 3 }));
      const each = shares.map((share) =>
        simulated(program, timeouts, (simulation) => search(simulation, new Dpor(share))),
      );
      expect({ seed, classes: each.flatMap((found) => found?.classes).sort() }).toEqual({
        seed,
        classes: [...whole.classes].sort(),
      });
    }
  });

  test('a subtree that is left out is missed', () => {
    simulated(litmus.lostUpdate(2, 3), 'late', (simulation) => {
      const subtrees = split(simulation, 8);
      expect(search(simulation, new Dpor(subtrees.slice(1)))?.classes.length).toBeLessThan(328);
    });
  });
});

describe('a search that is left says what is left', () => {
  /** Leaves a search after so many schedules, in the middle of the next one; the rest goes through JSON, as to another machine. */
  function leave(simulation: Simulation, subtrees: readonly Subtree[], most: number, steps: number) {
    const { simulator } = simulation;
    const dpor = new Dpor(subtrees);
    const classes: string[] = [];
    let extra = 0;
    for (let i = 0; i < most; i++) {
      const how = simulator.run(dpor, i);
      if (how === undefined) return { classes, extra, rest: dpor.rest() };
      if (dpor.retraced) continue;
      if (how === 'pruned') extra++;
      else classes.push(classKey(simulator));
    }
    // It is begun, and never ends.
    simulator.run(
      {
        name: 'left',
        everyStep: true,
        watches: true,
        goesOn: dpor.goesOn,
        begin: (run, again) => dpor.begin(run, again),
        choose: (enabled) => (simulator.steps === steps ? PRUNE : dpor.choose(enabled)),
        end: () => {},
      },
      most,
    );
    return { classes, extra, rest: JSON.parse(JSON.stringify(dpor.rest())) as Subtree[] };
  }

  let failuresLeft = 0;

  function isWholeWhenLeft<S>(program: Scenario<S>, timeouts: Timeouts, seed: number): boolean {
    const whole = simulated(program, timeouts, (simulation) => search(simulation, new Dpor(), 330));
    if (whole === undefined) return false;
    const chance = new Chance(1);
    chance.begin(seed);
    const classes: string[] = [];
    let extra = 0;
    let subtrees: readonly Subtree[] = EVERY_CLASS;
    while (subtrees.length > 0) {
      const left = simulated(program, timeouts, (simulation) =>
        leave(simulation, subtrees, 1 + chance.below(30), chance.below(6)),
      );
      classes.push(...left.classes);
      extra += left.extra;
      subtrees = left.rest;
      failuresLeft += subtrees.filter(({ plan }) => 'needed' in plan).length;
    }
    expect({ seed, classes: classes.sort(), extra }).toEqual({
      seed,
      classes: [...whole.classes].sort(),
      extra: whole.extra,
    });
    return true;
  }

  test('searches of that have each other class once, also where threads throw', () => {
    for (const [seed, program] of PROGRAMS.entries()) isWholeWhenLeft(program, 'late', seed);
    let searched = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const timeouts = (['late', 'any', 'never'] as const)[seed % 3] ?? 'late';
      if (isWholeWhenLeft(toScenario(randomProgram(seed)), timeouts, seed)) searched++;
    }
    expect(searched).toBeGreaterThan(10);
    expect(failuresLeft).toBeGreaterThan(10);
  });

  test('a rest without its last subtree is found to miss classes', () => {
    const program = litmus.lostUpdate(2, 3);
    const { classes, rest } = simulated(program, 'late', (simulation) =>
      leave(simulation, EVERY_CLASS, 20, 3),
    );
    const others = simulated(program, 'late', (simulation) =>
      search(simulation, new Dpor(rest.slice(0, -1))),
    );
    expect(classes.length + (others?.classes.length ?? 0)).toBeLessThan(328);
  });
});

test('shards have each class once, and say of which share they speak', () => {
  const options = { strategy: 'dpor', all: true, shrink: false } as const;
  for (const program of [litmus.reorder(3, 1), litmus.lostUpdate(2, 2), litmus.futexMutex(2)]) {
    for (const count of [2, 5]) addsUpInShards(program, options, count);
  }
  const shard = { index: 1, count: 3 };
  expect(explore(litmus.adds(2, 3), { ...options, shard }).coverage.statement).toMatch(
    /^exhausted: every schedule of shard 2\/3, up to the order of steps that do not conflict, \d+ run$/,
  );
});

test('schedules that show nothing new are said', () => {
  const { coverage, schedules } = explore(litmus.reorder(2, 1), {
    strategy: 'dpor',
    all: true,
    shrink: false,
  });
  expect(schedules).toBe(52);
  expect(coverage.statement).toBe(
    'exhausted: every schedule, up to the order of steps that do not conflict, 52 run, 12 more showed nothing new',
  );
});

test('what threads do after one has thrown is no data race', () => {
  const result = explore(
    {
      words: 2,
      threads: {
        throws: (s: Int32Array) => {
          if (Atomics.load(s, 0) === 0) throw new Error('thrown');
        },
        reads: (s: Int32Array) => {
          Atomics.load(s, 0);
          s[1] = 1;
        },
        writes: (s: Int32Array) => {
          Atomics.load(s, 0);
          s[1] = 2;
        },
      },
    },
    { strategy: 'dpor', shrink: false },
  );
  expect(result).toMatchObject({ verdict: 'fail', dataRaces: [] });
});

describe('each rule is needed', () => {
  const wrong = (mistake: MistakeName) =>
    loadMutated<{ search: { Dpor: typeof Dpor } }>({ search: 'explore/search/strategies/dpor.ts' }, mistake)
      .search.Dpor;

  /** What is wrong with a search of the classes of one program. */
  function faultIn<S>(
    program: Scenario<S>,
    timeouts: Timeouts,
    Search: typeof Dpor,
    most: number,
  ): Fault | undefined {
    return simulated(program, timeouts, (simulation): Fault | undefined => {
      const all = search(simulation, new Dfs(), most);
      if (all === undefined) return undefined;
      const found = search(simulation, new Search(), 2000);
      const classes = new Set(found?.classes);
      if (found === undefined || found.classes.length > classes.size) return 'twice';
      return new Set(all.classes).size > classes.size ? 'lost' : undefined;
    });
  }

  /** What is wrong with a search of the classes of the first program that shows a fault. */
  function faultOf(Search: typeof Dpor): Fault | undefined {
    for (const timeouts of ['late', 'any'] as const) {
      for (const program of PROGRAMS) {
        const fault = faultIn(program, timeouts, Search, 500);
        if (fault !== undefined) return fault;
      }
      for (let seed = 1; seed <= 12; seed++) {
        const fault = faultIn(toScenario(randomProgram(seed)), timeouts, Search, 500);
        if (fault !== undefined) return fault;
      }
    }
    return faultIn(sleepersAndLock, 'late', Search, 6000);
  }

  test('a search that keeps all rules is right', () => {
    expect(faultOf(Dpor)).toBeUndefined();
  }, 120_000);

  test.each([
    ['answer-may-change: as answered', 'lost'],
    ['class-comes-from-one: from any', 'twice'],
    ['class-comes-from-one: from none', 'lost'],
    ['failure-taken-once: from any', 'twice'],
    ['waker-known-to-woken: not known', 'lost'],
  ] as const)(
    '%s: a class is %s',
    (mistake, fault) => {
      expect(faultOf(wrong(mistake))).toBe(fault);
    },
    120_000,
  );
});
