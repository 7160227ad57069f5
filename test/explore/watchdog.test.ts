/** A thread that comes to no operation is stopped; one that goes on, however slowly or for however long, is not. */
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/loading/scenario.ts';
import { explore } from '../../src/explore/search/explore.ts';
import type { ExploreOptions } from '../../src/explore/search/explore-options.ts';
import { replay } from '../../src/explore/telling/replay.ts';

type Thread = (s: Int32Array) => void;

const scenario = (threads: Record<string, Thread>): Scenario<Int32Array> => ({
  name: 'watchdog',
  words: 4,
  threads,
});

/** Work without operations, of some microseconds. */
function compute(rounds: number): number {
  let x = 1;
  for (let i = 0; i < rounds; i++) x = Math.imul(x ^ i, 0x9e3779b1);
  return x;
}

/** Two threads of many operations with work between them: a schedule takes far longer than the limit. */
const laborious = (operations: number, last: Thread = () => {}, rounds = 60_000): Scenario<Int32Array> => {
  const body: Thread = (s) => {
    for (let i = 0; i < operations; i++) {
      if (compute(rounds) === 0) return;
      Atomics.store(s, i & 1, Atomics.load(s, 0) + 1);
    }
    last(s);
  };
  return scenario({ a: body, b: body });
};

const one: ExploreOptions = { strategy: 'random', schedules: 1, hangSeconds: 0.05, shrink: false };

describe('a run that goes on', () => {
  test('a run that goes on is no livelock, though one schedule takes many times the limit', () => {
    const result = explore(laborious(60), one);
    expect(result).toMatchObject({ verdict: 'pass', schedules: 1, steps: 240 });
    expect(result.seconds).toBeGreaterThan(2 * 0.05);
  });

  test('a run is no livelock if its threads alone, run again along their logs, take longer than the limit', () => {
    const result = explore(laborious(150, undefined, 200_000), {
      ...one,
      hangSeconds: 0.02,
      strategy: 'pct',
    });
    expect(result).toMatchObject({ verdict: 'pass', schedules: 1, steps: 600 });
  });

  test('a run in pieces counts each schedule once, and fails as without a limit', () => {
    const options: ExploreOptions = { ...one, schedules: 3 };
    const bad = laborious(12, (s) => {
      if (Atomics.add(s, 2, 1) === 1) throw new Error('the second to end');
    });
    const hurried = explore(bad, { ...options, hangSeconds: 0.01, all: true });
    const calm = explore(bad, { ...options, hangSeconds: 60, all: true });
    expect(hurried).toMatchObject({ schedules: 3, failures: 3, foundAt: 1, steps: calm.steps });
    expect(hurried.failure?.token).toBe(calm.failure?.token);
  });
});

describe('a thread that does not', () => {
  const hangs: Thread = () => {
    for (;;);
  };

  test('a stuck thread is stopped, also at the end of a long run', () => {
    const { failure } = explore(laborious(60, hangs), one);
    expect(failure).toMatchObject({ kind: 'livelock' });
    expect(failure?.message).toMatch(/^[ab] has come to no operation for 0\.05 s.*after 120 operations/);
  });

  test('a stuck thread is stopped in `finally` too', () => {
    const { failure } = explore({ ...laborious(1), finally: hangs }, one);
    expect(failure?.message).toMatch(/^`finally` has come to no operation for 0\.05 s/);
    expect(failure?.threads.map(({ state }) => state)).toEqual(['ended', 'ended']);
  });

  test('a stuck thread is stopped in `outcomes.of` too, and in `setup`', () => {
    const outcomes = { of: hangs as unknown as () => string, allowed: [''] };
    const { failure } = explore({ ...laborious(1), outcomes }, one);
    expect(failure?.message).toMatch(/^`outcomes\.of` has come to no operation for 0\.05 s/);
    const { words: _, ...rest } = laborious(1);
    expect(() => explore({ ...rest, setup: hangs as unknown as () => Int32Array }, one)).toThrow(
      /`setup` did not come to its end within 5 s/,
    );
  });

  test('a hang is shown with all earlier operations, and its token repeats them', () => {
    const program = scenario({
      a: (s) => {
        Atomics.store(s, 0, 1);
        if (Atomics.load(s, 1) === 1) for (;;);
      },
      b: (s) => void Atomics.store(s, 1, 1),
    });
    const { failure, steps } = explore(program, { strategy: 'dfs', hangSeconds: 0.05 });
    expect(failure).toMatchObject({ kind: 'livelock', steps: 3, preemptions: 0 });
    expect(steps).toBe(3);
    const shown = failure?.trace.map(({ thread, op, result }) => `${thread} ${op} ${result}`);
    expect(shown).toEqual(['b store 1', 'a store 1', 'a load 1']);
    expect(failure?.threads).toEqual([
      { name: 'a', state: 'runnable', at: 'a loop without operations' },
      { name: 'b', state: 'ended' },
    ]);
    const again = replay(failure?.token ?? '', program, { hangSeconds: 0.05 });
    const { kind, message, trace } = failure ?? {};
    expect(again.failure).toMatchObject({ kind, message, trace, token: failure?.token });
    expect(again.schedule).toHaveLength(3);
  });

  test('a hang met during shrinking leaves the failure as found', () => {
    // With fewer switches than it was found with, the thread loops without an operation.
    const trap = scenario({
      a: (s) => {
        Atomics.store(s, 0, 1);
        Atomics.store(s, 0, 2);
        Atomics.store(s, 0, 3);
      },
      b: (s) => {
        const first = Atomics.load(s, 0);
        const second = Atomics.load(s, 0);
        if (first === 1 && second === 2) throw new Error('saw both');
        if (first === 1 && second === 3) for (;;);
      },
    });
    const found = { strategy: 'random', schedules: 1000, hangSeconds: 0.03 } as const;
    const seeds = Array.from({ length: 12 }, (_, seed) => explore(trap, { ...found, seed, shrink: false }));
    const seed = seeds.findIndex(({ failure }) => failure?.kind === 'exception');
    expect(seeds.some(({ failure }) => failure?.kind === 'livelock')).toBe(true);
    expect(explore(trap, { ...found, seed }).failure).toMatchObject({
      kind: 'exception',
      message: 'b: saw both',
      minimal: 'best-found',
    });
  });
});
