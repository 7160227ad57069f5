import { describe, expect, test } from 'vitest';
import { type DataRace, explore, replay, type Scenario } from '../../src/explore/index.ts';

type Words = Scenario<Int32Array>;

/** Each race as `word: thread kind, thread kind`. */
function racesOf(scenario: Words, strategy: 'dfs' | 'dpor' = 'dfs'): string[] {
  const { dataRaces } = explore({ words: 4, ...scenario }, { strategy, all: true });
  return dataRaces.map(say).sort();
}

function say({ word, first, second }: DataRace): string {
  return `${word}: ${[`${first.thread} ${first.kind}`, `${second.thread} ${second.kind}`].sort().join(', ')}`;
}

const program = (a: (s: Int32Array) => void, b: (s: Int32Array) => void): Words => ({
  name: 'races',
  words: 4,
  threads: { a, b },
});

/** A lock of one word that spins, around an increment without Atomics. */
const locked = (s: Int32Array): void => {
  while (Atomics.compareExchange(s, 0, 0, 1) !== 0);
  s[1] = (s[1] as number) + 1;
  Atomics.store(s, 0, 0);
};

describe('data races by happens-before', () => {
  test.each(['dfs', 'dpor'] as const)(
    'a correct lock around plain accesses has none, under %s',
    (strategy) => {
      const scenario = { ...program(locked, locked), finally: (s: Int32Array) => expect(s[1]).toBe(2) };
      const result = explore(scenario, { strategy });
      expect(result).toMatchObject({ verdict: 'pass', exhausted: true, dataRaces: [] });
      expect(result.coverage.statement).toMatch('no data race: what holds in every schedule holds');
    },
  );

  test.each(['dfs', 'dpor'] as const)(
    'message passing by a plain flag has one on the flag and one on the data, under %s',
    (strategy) => {
      const scenario = program(
        (s) => {
          s[1] = 42;
          s[0] = 1;
        },
        (s) => {
          if (s[0] === 1) expect(s[1]).toBe(42);
        },
      );
      expect(racesOf(scenario, strategy)).toEqual(['s[0]: a write, b read', 's[1]: a write, b read']);
    },
  );

  test('message passing by Atomics has none', () => {
    const scenario = program(
      (s) => {
        s[1] = 42;
        Atomics.store(s, 0, 1);
      },
      (s) => {
        if (Atomics.load(s, 0) === 1) expect(s[1]).toBe(42);
      },
    );
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({ verdict: 'pass', dataRaces: [] });
  });

  test('a flag that is written as one width and read as another orders nothing', () => {
    const scenario = program(
      (s) => {
        s[1] = 42;
        Atomics.store(new Int16Array(s.buffer), 0, 1);
      },
      (s) => {
        if (Atomics.load(s, 0) === 1) expect(s[1]).toBe(42);
      },
    );
    expect(racesOf(scenario)).toEqual(['s[1]: a write, b read']);
  });

  test('a woken thread comes after its waker, and a notify before the wait orders the two', () => {
    const scenario = program(
      (s) => {
        s[1] = 42;
        Atomics.store(s, 0, 1);
        Atomics.notify(s, 0);
      },
      (s) => {
        Atomics.wait(s, 0, 0);
        expect(s[1]).toBe(42);
      },
    );
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({ verdict: 'pass', dataRaces: [] });
  });

  test('Atomics.load and a plain store by two threads have one, and are found as a lost update', () => {
    const increment = (s: Int32Array): void => {
      s[0] = Atomics.load(s, 0) + 1;
    };
    const scenario: Words = { ...program(increment, increment), finally: (s) => expect(s[0]).toBe(2) };
    const result = explore(scenario, { strategy: 'dfs' });
    expect(result.failure).toMatchObject({ kind: 'assertion', preemptions: 1, minimal: 'proved' });
    expect(racesOf(scenario)).toEqual([
      's[0]: a load, b write',
      's[0]: a write, b load',
      's[0]: a write, b write',
    ]);
  });

  test('a race is a failure where that is asked for: named, shrunk, with both lines, and replayed by its token', () => {
    const scenario = program(
      (s) => {
        Atomics.add(s, 3, 1);
        s[0] = 1;
      },
      (s) => {
        Atomics.add(s, 3, 1);
        s[0] = 1;
      },
    );
    expect(explore(scenario, { strategy: 'dfs' }).verdict).toBe('pass');
    const { failure } = explore(scenario, { dataRaces: 'fail' });
    expect(failure).toMatchObject({ kind: 'data-race', minimal: 'proved' });
    expect(failure?.message).toMatch(
      /(a|b) write\(s\[0\], 1\) and (a|b) write\(s\[0\], 1\) touch the same bytes/,
    );
    expect(failure?.sites).toHaveLength(2);
    const again = replay(failure?.token ?? '', scenario);
    expect(again.failure?.kind).toBe('data-race');
    expect(again.diverged).toBeUndefined();
  });

  test('a race that is listed has its lines, and a token that shows it', () => {
    const scenario = program(
      (s) => {
        s[0] = 1;
      },
      (s) => void s[0],
    );
    const [race] = explore(scenario, { strategy: 'dfs' }).dataRaces;
    expect(race?.first.site).toMatch(/data-races\.test\.ts:\d+/);
    expect(race?.second.site).toMatch(/data-races\.test\.ts:\d+/);
    const again = replay(race?.token ?? '', scenario);
    expect(again.failure?.kind).toBe('data-race');
    expect(replay(race?.token ?? '', scenario, { dataRaces: 'list' }).failure).toBeUndefined();
  });
});
