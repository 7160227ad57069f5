/** A deadlock is told by the ring of threads that wait for each other, and only where there is one. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/loading/scenario.ts';
import { explore } from '../../src/explore/search/explore.ts';
import type { ExploreOptions } from '../../src/explore/search/explore-options.ts';
import { AbstractLock } from '../../src/explore/telling/abstract-lock.ts';
import { replay } from '../../src/explore/telling/replay.ts';
import { Mutex } from '../../src/memory/mutex.ts';
import type { Words } from '../../src/memory/word.ts';
import { flushUnderLock } from '../../src/races/flush-under-lock.ts';

type Thread = (s: Words) => void;

const NAMES = ['x', 'y', 'z', 'bell', 'count'];

const scenario = (threads: Record<string, Thread>): Scenario<Words> => ({
  name: 'cycle',
  setup: () => new Int32Array(new SharedArrayBuffer(NAMES.length * 4)),
  threads,
  names: (_buffer, byteOffset) => NAMES[byteOffset >> 2],
});

type Lock = { lock(): void; unlock(): void };
type MakeLock = (s: Words, at: number) => Lock;

/** The mutex of three states as the reference has it: 0 free, 1 held, 2 held and wanted; waiters mark what is held. */
const futexMutex: MakeLock = (s, at) => ({
  lock() {
    let v = Atomics.compareExchange(s, at, 0, 1);
    while (v !== 0) {
      if (v === 2 || Atomics.compareExchange(s, at, 1, 2) !== 0) Atomics.wait(s, at, 2);
      v = Atomics.compareExchange(s, at, 0, 2);
    }
  },
  unlock() {
    if (Atomics.sub(s, at, 1) === 1) return;
    Atomics.store(s, at, 0);
    Atomics.notify(s, at, 1);
  },
});

const LOCKS: readonly (readonly [string, MakeLock])[] = [
  ['the abstract lock', (s, at) => new AbstractLock(s, at)],
  ['the futex mutex of three states', futexMutex],
  ["the machine's mutex", (s, at) => new Mutex(s, { at, words: 1 }, NAMES[at] ?? '', 0)],
  [
    'a spin lock of or',
    (s, at) => ({
      lock() {
        while ((Atomics.or(s, at, 4) & 4) !== 0);
      },
      unlock: () => void Atomics.and(s, at, ~4),
    }),
  ],
];

const never: ExploreOptions = { timeouts: 'never', strategy: 'random', schedules: 20_000 };

/** Each thread takes two locks, by number. */
const takers = (make: MakeLock, pairs: Record<string, readonly [number, number]>): Scenario<Words> =>
  scenario(
    Object.fromEntries(
      Object.entries(pairs).map(([name, [first, second]]) => [
        name,
        (s: Words) => {
          const [outer, inner] = [make(s, first), make(s, second)];
          outer.lock();
          inner.lock();
          Atomics.add(s, 4, 1);
          inner.unlock();
          outer.unlock();
        },
      ]),
    ),
  );

const PLACE = String.raw`\((?:cycle\.test|mutex)\.ts:\d+\)`;
/** A ring as its message has it, begun at any of its threads. */
const ring = (parts: readonly string[]): RegExp =>
  new RegExp(
    parts
      .map((_, i) => [...parts.slice(i), ...parts.slice(0, i)].join('; '))
      .map((whole) => `^${whole}$`)
      .join('|'),
  );
/** A lock of bits says which bit. */
const BITS = '(?:bit 2 of )?';
const holds = (who: string, what: string, wants: string, of: string): string =>
  `${who} holds ${BITS}${what} ${PLACE} and waits for ${BITS}${wants} ${PLACE}, held by ${of}`;

describe.each(LOCKS)('%s', (_name, make) => {
  test('two threads in a ring', () => {
    const result = explore(takers(make, { a: [0, 1], b: [1, 0] }), never);
    expect(result.failure?.kind).toBe('deadlock');
    expect(result.failure?.message).toMatch(ring([holds('a', 'x', 'y', 'b'), holds('b', 'y', 'x', 'a')]));
    expect(result.failure?.sites.length).toBeGreaterThanOrEqual(1);
  });

  test('three threads, and a thread that merely waits for one of them is no part of the ring', () => {
    const threads = { d: [2, 3], a: [0, 1], b: [1, 2], c: [2, 0] } as const;
    const { failure } = explore(takers(make, threads), never);
    expect(failure?.kind).toBe('deadlock');
    expect(failure?.message).toMatch(
      ring([holds('a', 'x', 'y', 'b'), holds('b', 'y', 'z', 'c'), holds('c', 'z', 'x', 'a')]),
    );
  });

  test('a program that takes its locks in one order has no ring', () => {
    expect(explore(takers(make, { a: [0, 1], b: [0, 1] }), { ...never, schedules: 2000 }).verdict).toBe(
      'pass',
    );
  });
});

describe('a lock that is taken in a helper', () => {
  const lock = (s: Words, at: number): void => {
    while (Atomics.compareExchange(s, at, 0, 1) !== 0) Atomics.wait(s, at, 1);
  };
  const ring = scenario({
    a(s) {
      lock(s, 0);
      lock(s, 1);
    },
    b(s) {
      lock(s, 1);
      lock(s, 0);
    },
  });
  /** The line of this file that has the text for the n-th time, from 0. */
  const lineOf = (text: string, nth: number): number => {
    const lines = readFileSync(new URL(import.meta.url), 'utf8').split('\n');
    return lines.flatMap((line, i) => (line.trim() === text ? [i + 1] : []))[nth] ?? -1;
  };

  test('a lock taken in a helper is told by the lines that called the helper, each line once, and the helper behind', () => {
    const { failure } = explore(ring, never);
    const [a0, b0] = [lineOf('lock(s, 0);', 0), lineOf('lock(s, 0);', 1)];
    const [a1, b1] = [lineOf('lock(s, 1);', 0), lineOf('lock(s, 1);', 1)];
    const at = (line: number): string => `\\(cycle\\.test\\.ts:${line}\\)`;
    expect(failure?.message).toMatch(new RegExp(`a holds x ${at(a0)} and waits for y ${at(a1)}, held by b`));
    expect(failure?.message).toMatch(new RegExp(`b holds y ${at(b1)} and waits for x ${at(b0)}, held by a`));
    const lines = (failure?.sites ?? []).map((site) => Number(/:(\d+):\d+$/.exec(site)?.[1]));
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines).toEqual(expect.arrayContaining([a0, a1, b0, b1]));
    expect([a0, a1, b0, b1]).toContain(lines[0]);
  });

  test('two locks in one word are told by their bits', () => {
    const take = (s: Words, bit: number): void => {
      while ((Atomics.or(s, 0, bit) & bit) !== 0);
    };
    const { failure } = explore(
      scenario({
        a(s) {
          take(s, 1);
          take(s, 0x30);
        },
        b(s) {
          take(s, 0x30);
          take(s, 1);
        },
      }),
      never,
    );
    expect(failure?.message).toMatch(
      /a holds bit 0 of x \(.*\) and waits for bits 0x30 of x \(.*\), held by b/,
    );
  });
});

describe('a thread that sleeps until another notifies', () => {
  const RACE = String.raw`\(flush-under-lock\.ts:\d+\)`;
  const said = new RegExp(
    `^control holds lock ${RACE} and sleeps on work ${RACE} until worker notifies; worker waits for lock ${RACE}, held by control$`,
  );

  test('a sleeping thread waits for its notifier: race 29, and its replay', () => {
    const { failure } = explore(flushUnderLock.buggy, never);
    expect(failure).toMatchObject({ kind: 'deadlock', message: expect.stringMatching(said) });
    const again = replay(failure?.token ?? '', flushUnderLock.buggy);
    expect(again.failure?.message).toBe(failure?.message);
  });

  test('a sleeper is in no ring if no thread ever would notify', () => {
    const { failure } = explore(
      scenario({
        a: (s) => void Atomics.wait(s, 0, 0),
        b: (s) => void Atomics.wait(s, 1, 0),
      }),
      never,
    );
    expect(failure).toMatchObject({ kind: 'orphan-wait' });
    expect(failure?.message).toMatch(/^a sleeps on x = 0 and b sleeps on y = 0, and every thread that could/);
  });

  test('a sleeper that holds a wanted lock is in no ring if no thread would notify that sleeper', () => {
    const { failure } = explore(
      scenario({
        holder: (s) => {
          new AbstractLock(s, 0).lock();
          Atomics.wait(s, 3, 0);
        },
        wanter: (s) => {
          new AbstractLock(s, 0).lock();
          new AbstractLock(s, 0).unlock();
        },
      }),
      { ...never, strategy: 'dfs' },
    );
    expect(failure?.kind).toBe('deadlock');
    expect(failure?.message).toMatch(/^no thread can go on: /);
  });

  test('a thread holds the lock that it took itself: a lock taken twice is a ring of one', () => {
    const twice: Thread = (s) => {
      new AbstractLock(s, 0).lock();
      new AbstractLock(s, 0).lock();
    };
    const { failure } = explore(scenario({ twice, other: (s) => void Atomics.load(s, 0) }), never);
    expect(failure?.kind).toBe('deadlock');
    expect(failure?.message).toMatch(new RegExp(`^${holds('twice', 'x', 'x', 'itself')}$`));
  });

  test('a sleeper is an orphan if all other threads have ended', () => {
    const { failure } = explore(
      scenario({ a: (s) => void Atomics.wait(s, 3, 0), b: (s) => void Atomics.add(s, 4, 1) }),
      never,
    );
    expect(failure?.kind).toBe('orphan-wait');
  });
});

describe('rings of other kinds', () => {
  test('two bit locks in one word are two locks: no thread waits for itself', () => {
    const lock = (s: Words, bit: number): void => {
      while ((Atomics.or(s, 0, bit) & bit) !== 0);
    };
    const { failure } = explore(
      scenario({
        a: (s) => {
          lock(s, 1);
          lock(s, 2);
        },
        b: (s) => {
          lock(s, 2);
          lock(s, 1);
        },
      }),
      never,
    );
    expect(failure?.kind).toBe('deadlock');
    expect(failure?.message).toMatch(/held by b/);
    expect(failure?.message).toMatch(/held by a/);
    expect(failure?.message).not.toMatch(/itself/);
  });

  test('a lock and a grace period: the writer waits for a reader that waits for the lock', () => {
    const { failure } = explore(
      scenario({
        reader: (s) => {
          Atomics.add(s, 1, 1);
          new AbstractLock(s, 0).lock();
          new AbstractLock(s, 0).unlock();
          Atomics.add(s, 1, 1);
        },
        writer: (s) => {
          new AbstractLock(s, 0).lock();
          while ((Atomics.load(s, 1) & 1) !== 0);
          new AbstractLock(s, 0).unlock();
        },
      }),
      never,
    );
    expect(failure?.kind).toBe('deadlock');
    expect(failure?.message).toMatch(/reader last wrote y .* and waits for x .*, held by writer/);
    expect(failure?.message).toMatch(
      /writer holds x .* and loops until y .* changes, which reader wrote last/,
    );
  });

  test('threads that sleep in every schedule are in a ring where each would notify the other', () => {
    const { failure } = explore(
      scenario({
        a: (s) => {
          Atomics.wait(s, 0, 0);
          Atomics.notify(s, 1);
        },
        b: (s) => {
          Atomics.wait(s, 1, 0);
          Atomics.notify(s, 0);
        },
      }),
      never,
    );
    expect(failure?.kind).toBe('deadlock');
    expect(failure?.message).toMatch(/a sleeps on x .* until b notifies/);
    expect(failure?.message).toMatch(/b sleeps on y .* until a notifies/);
  });
});

test('a notify that wakes a thread which cannot use it is named', () => {
  // One word for two conditions: the producer's notify may wake the other producer.
  const put = (s: Words): void => {
    for (;;) {
      const items = Atomics.load(s, 0);
      if (items === 0 && Atomics.compareExchange(s, 0, 0, 1) === 0) break;
      Atomics.wait(s, 0, 1);
    }
    Atomics.notify(s, 0, 1);
  };
  const take = (s: Words): void => {
    for (;;) {
      if (Atomics.compareExchange(s, 0, 1, 0) === 1) break;
      Atomics.wait(s, 0, 0);
    }
    Atomics.notify(s, 0, 1);
  };
  const { failure } = explore(scenario({ put, putToo: put, take, takeToo: take }), {
    timeouts: 'never',
    seconds: 20,
  });
  expect(failure?.kind).toBe('misdirected-notify');
  expect(failure?.message).toMatch(/which went to sleep again/);
});
