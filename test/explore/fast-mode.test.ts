/** What is remembered of threads, and run from memory, has to be what their code does when it runs at each step. */
import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { IrqError } from '../../src/base/irq-error.ts';
import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { withSimulation } from '../../src/explore/running/simulation.ts';
import type { Timeouts } from '../../src/explore/running/simulator-options.ts';
import { explore } from '../../src/explore/search/explore.ts';
import { Dfs } from '../../src/explore/search/strategies/dfs.ts';
import type { RunEnd } from '../../src/explore/search/strategies/strategy.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../../src/memory/event-count.ts';
import { Mutex } from '../../src/memory/mutex.ts';
import type { Words } from '../../src/memory/word.ts';

type Tally = { ends: Record<string, number>; steps: number; plain: boolean };

/** Every schedule, from memory or with the code run at each step: how they ended, and whether memory was given up. */
function everySchedule<S>(scenario: Scenario<S>, timeouts: Timeouts, direct: boolean): Tally {
  return withSimulation(checkScenario(scenario), 1, { maxSteps: 1000, timeouts }, ({ simulator }) => {
    simulator.tracks.direct = direct;
    const dfs = new Dfs();
    const tally: Tally = { ends: {}, steps: 0, plain: false };
    for (let i = 0; ; i++) {
      const how = simulator.run(dfs, i);
      if (how === undefined) break;
      const key = describeEnd(how, simulator.fault);
      tally.ends[key] = (tally.ends[key] ?? 0) + 1;
      tally.steps += simulator.steps;
    }
    tally.plain = simulator.tracks.plain;
    return tally;
  });
}

function describeEnd(
  how: RunEnd,
  fault: { kind: string; thrown?: unknown; thread?: number } | undefined,
): string {
  if (fault === undefined) return how;
  const what = fault.thrown instanceof IrqError ? fault.thrown.code : String(fault.thrown);
  return `${how}: ${fault.kind} ${fault.thread ?? ''} ${what}`;
}

/** One wait with a bound whose end by time is an error, and a notify that may come before it, or after. */
const boundedWait = (waiterFirst: boolean): Scenario<Int32Array> => {
  const waiter = (s: Int32Array) => {
    Atomics.load(s, 1);
    if (Atomics.wait(s, 0, 0, 5) === 'timed-out') throw new Error('nobody came');
    Atomics.add(s, 2, 1);
  };
  const waker = (s: Int32Array) => {
    Atomics.load(s, 1);
    Atomics.notify(s, 0);
    Atomics.add(s, 2, 1);
  };
  return {
    name: 'bounded-wait',
    words: 4,
    threads: waiterFirst ? { waiter, waker } : { waker, waiter },
    finally: (s) => assert.equal(s[2], 2),
  };
};

/** Several sleepers with bounds, woken by one notify: where their time was up before, each of them had failed. */
const crowd: Scenario<Int32Array> = {
  name: 'crowd',
  words: 4,
  threads: {
    first: (s) => {
      if (Atomics.wait(s, 0, 0, 5) === 'timed-out') throw new Error('first');
    },
    waker: (s) => {
      Atomics.notify(s, 0);
      Atomics.store(s, 1, 1);
    },
    second: (s) => {
      if (Atomics.wait(s, 0, 0, 3) === 'timed-out') throw new Error('second');
      Atomics.add(s, 2, 1);
    },
  },
};

/** The woken thread throws, and so does its waker, in one step. */
const bothThrow: Scenario<Int32Array> = {
  name: 'both-throw',
  words: 4,
  threads: {
    waker: (s) => {
      if (Atomics.notify(s, 0) === 1) throw new Error('woke');
    },
    waiter: (s) => {
      if (Atomics.wait(s, 0, 0) === 'ok') throw new Error('was woken');
    },
    other: (s) => {
      Atomics.store(s, 0, 1);
      Atomics.notify(s, 0);
    },
  },
};

const MUTEX = { at: 0, words: 1 };

/** The machine's own mutex, with a bound, by threads that take two of them in opposite orders. */
const boundedMutex: Scenario<Words> = {
  name: 'bounded-mutex',
  setup: () => new Int32Array(new SharedArrayBuffer(16)),
  threads: Object.fromEntries(
    [
      [0, 1],
      [1, 0],
    ].map(([first = 0, second = 0], i) => [
      `t${i}`,
      (s: Words) => {
        const outer = new Mutex(s, { ...MUTEX, at: first }, 'outer', 0);
        const inner = new Mutex(s, { ...MUTEX, at: second }, 'inner', 0);
        outer.lock(10);
        inner.lock(20 + i);
        Atomics.add(s, 2, 1);
        inner.unlock();
        outer.unlock();
      },
    ]),
  ),
  finally: (s) => assert.equal(s[2], 2),
};

/** The machine's event count with a bound: a signal that wakes a thread that had run out of time in an earlier schedule. */
const boundedEvent: Scenario<Words> = {
  name: 'bounded-event',
  setup: () => new Int32Array(new SharedArrayBuffer((1 + EVENT_COUNT_WORDS) * 4)),
  threads: {
    signaller: (s) => {
      if (Atomics.load(s, 0) === 0) new EventCount(s, { at: 1, words: EVENT_COUNT_WORDS }).signal();
    },
    sleeper: (s) => {
      const event = new EventCount(s, { at: 1, words: EVENT_COUNT_WORDS });
      if (!event.park(event.announce(), 5)) throw new Error('no signal');
    },
    stopper: (s) => void Atomics.store(s, 0, 1),
  },
};

describe('a thread that a wait with a bound had ended, and that is woken this time, is run from memory', () => {
  test.each<[string, Scenario<Int32Array> | Scenario<Words>, Timeouts]>([
    ['the waiter before the waker', boundedWait(true), 'late'],
    ['the waker before the waiter', boundedWait(false), 'late'],
    ['the waiter before the waker', boundedWait(true), 'any'],
    ['the waker before the waiter', boundedWait(false), 'any'],
    ['two sleepers, one notify', crowd, 'late'],
    ['two sleepers, one notify', crowd, 'any'],
    ['sleeper and waker throw in one step', bothThrow, 'late'],
    ["the machine's mutex", boundedMutex, 'late'],
    ["the machine's mutex", boundedMutex, 'any'],
    ["the machine's event count", boundedEvent, 'late'],
    ["the machine's event count", boundedEvent, 'any'],
  ])('%s (%#)', (_what, scenario, timeouts) => {
    const fast = everySchedule(scenario as Scenario<Words>, timeouts, false);
    const exact = everySchedule(scenario as Scenario<Words>, timeouts, true);
    expect(fast).toEqual({ ...exact, plain: false });
    // There is something to tell apart: schedules that fail, and schedules that do not.
    expect(Object.keys(exact.ends).length).toBeGreaterThan(1);
  });
});

test('an exploration says nothing of accesses without Atomics where there are none, and does where there are', () => {
  const options = { strategy: 'dfs', all: true, shrink: false } as const;
  const locks = explore(boundedMutex, options);
  expect(locks).toMatchObject({ verdict: 'fail', failures: 40, schedules: 542 });
  expect(locks.failure?.message).toMatch(/was not released within \d+ ms/);
  expect(locks.coverage.statement).not.toMatch('plain accesses');
  const { threads } = boundedMutex;
  const plain = {
    ...boundedMutex,
    threads: {
      ...threads,
      t2: (s: Words) => {
        // A view of its own, which no proxy stands before.
        new Int32Array(s.buffer)[3] = Atomics.load(s, 3) + 1;
      },
    },
  };
  expect(explore(plain, { ...options, schedules: 50 }).coverage.statement).toMatch('plain accesses');
});
