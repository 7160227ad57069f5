/** Each kind of failure by a small program that has it, and the same program mended, which passes. */
import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import type { Scenario, ThreadBody } from '../../src/explore/loading/scenario.ts';
import { explore } from '../../src/explore/search/explore.ts';
import { AbstractLock } from '../../src/explore/telling/abstract-lock.ts';
import type { FailureKind } from '../../src/explore/telling/result.ts';
import * as litmus from './litmus.ts';

type Threads = Record<string, ThreadBody<Int32Array>>;

const scenario = (threads: Threads, check?: (s: Int32Array) => void): Scenario<Int32Array> => ({
  name: 'verdict',
  words: 8,
  threads,
  ...(check === undefined ? {} : { finally: check }),
});

const BELL = 0;
const COUNT = 1;

/** An eventfd: the writer adds, moves the bell and notifies; the reader looks at the bell before or after the count. */
function eventfd(bellFirst: boolean): Scenario<Int32Array> {
  return scenario({
    reader: (s) => {
      for (;;) {
        let bell = 0;
        if (bellFirst) bell = Atomics.load(s, BELL);
        if (Atomics.exchange(s, COUNT, 0) !== 0) return;
        if (!bellFirst) bell = Atomics.load(s, BELL);
        Atomics.wait(s, BELL, bell);
      }
    },
    writer: (s) => {
      Atomics.add(s, COUNT, 3);
      Atomics.add(s, BELL, 1);
      Atomics.notify(s, BELL, 1);
    },
  });
}

/** Two locks, taken in the same order or in opposite ones; made of compareExchange, wait and notify. */
function twoLocks(same: boolean): Scenario<Int32Array> {
  const lock = (s: Int32Array, i: number) => {
    while (Atomics.compareExchange(s, i, 0, 1) !== 0) Atomics.wait(s, i, 1);
  };
  const unlock = (s: Int32Array, i: number) => {
    Atomics.store(s, i, 0);
    Atomics.notify(s, i);
  };
  const both = (first: number, second: number) => (s: Int32Array) => {
    lock(s, first);
    lock(s, second);
    unlock(s, second);
    unlock(s, first);
  };
  return scenario({ left: both(2, 3), right: same ? both(2, 3) : both(3, 2) });
}

/** A waiter that sleeps until a thread notifies, and a thread that may not notify. */
function sleeper(notifies: boolean): Scenario<Int32Array> {
  return scenario({
    waiter: (s) => {
      if (Atomics.load(s, 2) === 0) Atomics.wait(s, 0, 0);
    },
    other: (s) => {
      if (!notifies) return void Atomics.load(s, 3);
      Atomics.store(s, 2, 1);
      Atomics.store(s, 0, 1);
      Atomics.notify(s, 0);
    },
  });
}

/** A loop until a word changes, and a writer that may change another word. */
function spinner(word: number): Scenario<Int32Array> {
  return scenario({
    spinner: (s) => {
      while (Atomics.load(s, 0) === 0 && Atomics.load(s, 1) === 0);
    },
    writer: (s) => void Atomics.store(s, word, 1),
  });
}

/** Two threads that give way to each other; the first may leave its flag up, and the second then tries for ever. */
function polite(clears: boolean): Scenario<Int32Array> {
  const body = (me: number) => (s: Int32Array) => {
    for (;;) {
      Atomics.store(s, me, 1);
      if (Atomics.load(s, 1 - me) === 0) break;
      Atomics.store(s, me, 0);
    }
    if (clears || me === 1) Atomics.store(s, me, 0);
  };
  return scenario({ a: body(0), b: body(1) });
}

type Case = {
  kind: FailureKind;
  bad: Scenario<Int32Array>;
  good: Scenario<Int32Array>;
  says: RegExp;
  preemptions: number;
};

const CASES: readonly Case[] = [
  {
    kind: 'assertion',
    bad: scenario({ a: (s) => assert.equal(Atomics.add(s, 0, 1), 0), b: (s) => void Atomics.add(s, 0, 1) }),
    good: scenario({ a: (s) => assert.ok(Atomics.add(s, 0, 1) < 2), b: (s) => void Atomics.add(s, 0, 1) }),
    says: /^a: Expected values to be strictly equal/,
    preemptions: 0,
  },
  {
    kind: 'lost-wakeup',
    bad: eventfd(false),
    good: eventfd(true),
    says: /^writer notified s\[0\] after reader looked at s\[1\] and before reader slept/,
    preemptions: 1,
  },
  {
    kind: 'missed-notify',
    bad: litmus.futexLostWakeup(),
    good: litmus.futexCorrect(),
    says: /^waiter sleeps on s\[0\] = 0, and the word is 1 now: waker changed it and no thread notified/,
    preemptions: 1,
  },
  {
    kind: 'deadlock',
    bad: twoLocks(false),
    good: twoLocks(true),
    says: /left holds s\[2\] \(verdict\.test\.ts:\d+\) and waits for s\[3\] \(verdict\.test\.ts:\d+\), held by right; right holds s\[3\] \(.*\) and waits for s\[2\] \(.*\), held by left$/,
    preemptions: 1,
  },
  {
    kind: 'deadlock',
    bad: litmus.deadlock01(),
    good: litmus.futexMutex(2),
    says: /^t0 holds s\[0\] \(.*\) and waits for s\[1\] \(.*\), held by t1; t1 holds s\[1\] \(.*\) and waits for s\[0\] \(.*\), held by t0$/,
    preemptions: 1,
  },
  {
    kind: 'orphan-wait',
    bad: sleeper(false),
    good: sleeper(true),
    says: /^waiter sleeps on s\[0\] = 0, and every thread that could notify it has ended/,
    preemptions: 0,
  },
  {
    kind: 'stuck-spin',
    bad: spinner(2),
    good: spinner(1),
    says: /^spinner loops until a word changes that no thread will change/,
    preemptions: 0,
  },
];

describe.each(CASES)('$kind', ({ kind, bad, good, says, preemptions }) => {
  test.each(['auto', 'dfs', 'dpor', 'random', 'pct', 'pos', 'urw', 'surw'] as const)(
    'is found and named by %s',
    (strategy) => {
      const { verdict, failure } = explore(bad, { strategy, seed: 3 });
      expect(verdict).toBe('fail');
      expect(failure).toMatchObject({ kind, preemptions, minimal: 'proved' });
      expect(failure?.message).toMatch(says);
      expect(failure?.sites.length).toBeGreaterThan(0);
      for (const site of failure?.sites ?? [])
        expect(site).toMatch(/(verdict\.test|litmus|programs)\.ts:\d+:\d+$/);
    },
  );

  test('the repaired program has no failure', () => {
    expect(explore(good)).toMatchObject({ verdict: 'pass', exhausted: true });
  });
});

test('an exception that is no assertion has its class and its stack', () => {
  const bad = scenario({
    a: (s) => {
      if (Atomics.load(s, 0) === 1) throw new RangeError('too far');
    },
    b: (s) => void Atomics.store(s, 0, 1),
  });
  const { failure } = explore(bad);
  expect(failure).toMatchObject({
    kind: 'exception',
    message: 'a: RangeError: too far',
    preemptions: 0,
    steps: 2,
  });
  expect(failure?.stack).toMatch(/RangeError: too far\n\s+at .*verdict\.test\.ts/);
  expect(failure?.threads).toMatchObject([
    { name: 'a', state: 'failed' },
    { name: 'b', state: 'ended' },
  ]);
});

test('whatever is thrown is a failure', () => {
  const bad = scenario({
    a: () => {
      throw 'a string';
    },
  });
  expect(explore(bad).failure).toMatchObject({ kind: 'exception', message: 'a: threw a string' });
});

describe('a schedule without end', () => {
  test('a schedule without end is a livelock if all threads repeat themselves', () => {
    const { failure } = explore(polite(false), { steps: 600 });
    expect(failure).toMatchObject({ kind: 'livelock', steps: 1200 });
    expect(failure?.message).toMatch(
      /^b repeats the same operations without end, though every thread has its turn \(1200 steps\)/,
    );
    expect(explore(polite(true), { strategy: 'pct', schedules: 2000, steps: 600 }).verdict).toBe('pass');
  });

  test('a schedule without end is over the limit if nothing repeats', () => {
    const counts = scenario({
      a: (s) => {
        for (let i = 0; ; i++) Atomics.store(s, (i * i * 7 + (i >> 3)) & 7, i);
      },
    });
    expect(explore(counts, { steps: 600 }).failure).toMatchObject({ kind: 'step-limit', steps: 1200 });
    const ends = scenario({
      a: (s) => {
        for (let i = 0; i < 599; i++) Atomics.store(s, i & 7, i);
      },
    });
    expect(explore(ends, { strategy: 'dfs', steps: 600 })).toMatchObject({
      verdict: 'pass',
      exhausted: true,
      steps: 599,
    });
  });
});

describe('waiting', () => {
  test('notify wakes the threads that came first, as many as it says', () => {
    const sleeps = (into: number) => (s: Int32Array) => {
      Atomics.add(s, 7, 1);
      Atomics.wait(s, 0, 0);
      Atomics.store(s, into, Atomics.add(s, 6, 1) + 1);
    };
    const order = (count: number) =>
      scenario(
        {
          a: sleeps(1),
          b: sleeps(2),
          c: (s) => {
            while (Atomics.load(s, 7) !== 2);
            Atomics.store(s, 5, Atomics.notify(s, 0, count));
            if (count === 1) {
              Atomics.store(s, 0, 1);
              Atomics.notify(s, 0);
            }
          },
        },
        (s) => assert.ok((s[5] ?? 9) <= count),
      );
    // No other thread may be woken in the place of a sleeper: with a count of two and both asleep, both wake.
    const two = explore(order(2), { strategy: 'dpor', all: true });
    expect(two.failures).toBeGreaterThan(0);
    expect(two.failure?.kind).toBe('lost-wakeup');
    expect(explore(order(1))).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('a timeout comes when nothing else can go on, at any time, or never, as asked', () => {
    const timed = scenario(
      {
        waiter: (s) => void Atomics.store(s, 1, Atomics.wait(s, 0, 0, 5) === 'timed-out' ? 1 : 2),
        waker: (s) => {
          Atomics.load(s, 2);
          Atomics.notify(s, 0);
        },
      },
      (s) => assert.notEqual(s[1], 1, 'timed out'),
    );
    // Late: it times out only where the notify came before it slept.
    expect(explore(timed, { strategy: 'dfs', all: true })).toMatchObject({ failures: 1, exhausted: true });
    expect(explore(timed, { strategy: 'dfs', all: true, timeouts: 'any' }).failures).toBeGreaterThan(1);
    const never = explore(timed, { strategy: 'dfs', all: true, timeouts: 'never' });
    expect(never.failure).toMatchObject({ kind: 'lost-wakeup' });
  });

  test('the shorter timeout is over first, and the clock has moved by it', () => {
    const timed = scenario({
      long: (s) => {
        const start = performance.now();
        assert.equal(Atomics.wait(s, 0, 0, 50), 'timed-out');
        assert.ok(performance.now() - start >= 50);
        assert.equal(Atomics.add(s, 1, 1), 1);
      },
      short: (s) => {
        const start = Date.now();
        assert.equal(Atomics.wait(s, 0, 0, 20), 'timed-out');
        assert.ok(Date.now() - start >= 20);
        assert.equal(Atomics.add(s, 1, 1), 0);
      },
    });
    expect(explore(timed)).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('a wait for another value than there is does not sleep, and one of no time neither', () => {
    const wide: Scenario<BigInt64Array> = {
      name: 'wide',
      setup: () => new BigInt64Array(new SharedArrayBuffer(64)),
      threads: {
        a: (s) => {
          assert.equal(Atomics.wait(s, 0, 1n), 'not-equal');
          assert.equal(Atomics.wait(s, 0, 0n, 0), 'timed-out');
          assert.throws(() => Atomics.wait(new Int32Array(new ArrayBuffer(8)), 0, 0), TypeError);
        },
        b: (s) => assert.equal(Atomics.notify(s, 0), 0),
      },
    };
    expect(explore(wide)).toMatchObject({ verdict: 'pass', exhausted: true });
  });
});

test('a lock of the explorer holds under it', () => {
  const counts = (locked: boolean) =>
    scenario(
      Object.fromEntries(
        ['a', 'b', 'c'].map((name) => [
          name,
          (s: Int32Array) => {
            const lock = new AbstractLock(s, 0);
            if (locked) lock.lock();
            Atomics.store(s, 1, Atomics.load(s, 1) + 1);
            if (locked) lock.unlock();
          },
        ]),
      ),
      (s) => assert.equal(s[1], 3),
    );
  expect(explore(counts(true), { strategy: 'dpor' })).toMatchObject({
    verdict: 'pass',
    exhausted: true,
    schedules: 6,
  });
  expect(explore(counts(false)).failure).toMatchObject({
    kind: 'assertion',
    preemptions: 1,
    minimal: 'proved',
  });
});

test.each([
  ['exchange', (s: Int32Array) => Atomics.exchange(s, 0, 1) === 0],
  ['compareExchange', (s: Int32Array) => Atomics.compareExchange(s, 0, 0, 1) === 0],
  ['or', (s: Int32Array) => (Atomics.or(s, 0, 1) & 1) === 0],
] as const)(
  'a spin lock made of %s is explored to the end, and one never released is stuck',
  (_op, tryLock) => {
    const spins = (releases: boolean) =>
      scenario(
        Object.fromEntries(
          ['a', 'b'].map((name) => [
            name,
            (s: Int32Array) => {
              while (!tryLock(s));
              Atomics.store(s, 1, Atomics.load(s, 1) + 1);
              if (releases) Atomics.store(s, 0, 0);
            },
          ]),
        ),
        (s) => assert.equal(s[1], 2),
      );
    for (const strategy of ['dfs', 'dpor'] as const) {
      expect(explore(spins(true), { strategy })).toMatchObject({ verdict: 'pass', exhausted: true });
    }
    for (const strategy of ['auto', 'pct', 'random'] as const) {
      expect(explore(spins(false), { strategy }).failure?.kind).toMatch(/deadlock|stuck-spin/);
    }
  },
);

test('outcomes are counted, and one that is not allowed is a failure', () => {
  const sb = (allowed: string[]): Scenario<Int32Array> => ({
    name: 'outcomes',
    words: 4,
    threads: {
      a: (s) => {
        Atomics.store(s, 0, 1);
        Atomics.store(s, 2, Atomics.load(s, 1));
      },
      b: (s) => {
        Atomics.store(s, 1, 1);
        Atomics.store(s, 3, Atomics.load(s, 0));
      },
    },
    outcomes: { of: (s) => `${s[2]},${s[3]}`, allowed },
  });
  const seen = explore(sb(['1,1', '0,1', '1,0']), { strategy: 'dpor' });
  expect(seen).toMatchObject({
    verdict: 'pass',
    exhausted: true,
    outcomes: { '0,1': 1, '1,0': 1, '1,1': 1 },
  });
  const failure = explore(sb(['1,1', '0,1']), { strategy: 'dpor' }).failure;
  expect(failure).toMatchObject({
    kind: 'assertion',
    message: 'the outcome "1,0" is not among those allowed',
  });
});

describe('threads that sleep for good', () => {
  const both = {
    a: (s: Int32Array) => void Atomics.wait(s, 0, 0),
    b: (s: Int32Array) => void Atomics.wait(s, 0, 0),
  };
  const setter = (count?: number) => (s: Int32Array) => {
    Atomics.store(s, 0, 1);
    Atomics.notify(s, 0, count);
  };

  test('a notify for too few threads is named with its count and the threads that it woke', () => {
    const { failure } = explore(scenario({ ...both, setter: setter(1) }));
    expect(failure?.kind).toBe('missed-notify');
    expect(failure?.message).toMatch(
      /^(a|b) sleeps on s\[0\] = 0, and the word is 1 now: setter changed it and setter notified 1 thread at most, which woke (a|b) and not \1$/,
    );
    expect(explore(scenario({ ...both, setter: setter() })).verdict).toBe('pass');
  });

  test('threads sleep for good after a notify for no thread, and without any notify', () => {
    const messages = [setter(0), (s: Int32Array) => void Atomics.store(s, 0, 1)].map(
      (last) => explore(scenario({ a: both.a, last })).failure?.message,
    );
    expect(messages[0]).toMatch(/last changed it and last notified 0 threads at most, which woke no thread$/);
    expect(messages[1]).toMatch(/last changed it and no thread notified after$/);
  });

  test('sleepers are orphans, each of them, if none would notify another', () => {
    const { failure } = explore(
      scenario({ ...both, c: (s) => void Atomics.wait(s, 1, 0), d: (s) => void Atomics.load(s, 0) }),
    );
    expect(failure?.kind).toBe('orphan-wait');
    expect(failure?.message).toBe(
      'a sleeps on s[0] = 0 and b sleeps on s[0] = 0 and c sleeps on s[1] = 0, and every thread that could notify them has ended',
    );
  });

  test('sleepers are a deadlock if each would notify the other, and orphans if only one would', () => {
    const then = (wait: number, notify: number) => (s: Int32Array) => {
      Atomics.wait(s, wait, 0);
      Atomics.notify(s, notify);
    };
    const ring = explore(scenario({ a: then(0, 1), b: then(1, 0) }));
    expect(ring.failure?.kind).toBe('deadlock');
    const { failure } = explore(scenario({ a: then(0, 1), b: then(1, 2) }));
    expect(failure?.kind).toBe('orphan-wait');
    expect(failure?.message).toBe('a sleeps on s[0] = 0, and every thread that could notify it has ended');
  });
});
