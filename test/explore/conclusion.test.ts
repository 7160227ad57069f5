/** A verdict is a promise: what a search did not see makes the verdict weaker, and is said. */
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/loading/scenario.ts';
import { explore } from '../../src/explore/search/explore.ts';
import type { Words } from '../../src/memory/word.ts';

const adds = (times: number) => (w: Words) => {
  for (let i = 0; i < times; i++) Atomics.add(w, 0, 1);
};
const two = (times: number): Scenario<Words> => ({
  name: 'adds',
  words: 2,
  threads: { a: adds(times), b: adds(times) },
});

describe('what a pass is about', () => {
  test('a search that ran every schedule is bounded by nothing', () => {
    for (const strategy of ['auto', 'dfs', 'dpor'] as const) {
      const result = explore(two(2), { strategy });
      expect(result).toMatchObject({ verdict: 'pass', exhausted: true, bounded: null });
    }
  });

  test('a bound that left schedules out is named, and a bound that left none out is not', () => {
    const cut = explore(two(3), { strategy: 'dfs', preemptions: 1 });
    expect(cut).toMatchObject({ verdict: 'pass', bounded: 'schedules within dfs(preemptions=1)' });
    expect(explore(two(1), { strategy: 'dfs', preemptions: 5 }).bounded).toBeNull();
  });

  test('a random strategy is a sample', () => {
    const result = explore(two(2), { strategy: 'random', schedules: 50 });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: false, bounded: 'a sample of 50 schedules' });
  });

  test('a shard is named', () => {
    const result = explore(two(2), { strategy: 'dfs', shard: { index: 0, count: 2 } });
    expect(result.bounded).toContain('shard 1 of 2');
  });

  test('a search whose time was over is unknown, even where auto had completed a bounded search', () => {
    const result = explore(two(14), { seconds: 0.3 });
    expect(result).toMatchObject({ verdict: 'unknown', exhausted: false });
  });

  test('a search that another thread stops is unknown, and says that it was interrupted', () => {
    const stopWord = new Int32Array(new SharedArrayBuffer(4)).fill(1);
    const result = explore(two(14), { stopWord });
    expect(result).toMatchObject({ verdict: 'unknown', exhausted: false, interrupted: true });
  });
});

describe('a search is no answer about', () => {
  const unknown = (threads: Scenario<Words>['threads'], gap: RegExp) => {
    const result = explore({ name: 'gap', words: 2, threads });
    expect(result).toMatchObject({ verdict: 'unknown', exhausted: false });
    expect(result.coverage.statement).toMatch(gap);
  };
  const b = adds(1);

  test('a thread that does nothing', () => {
    unknown({ a: () => {}, b }, /thread a did no operation/);
  });

  test('a thread that leaves a promise, a timer, an immediate, a microtask or a tick behind', () => {
    const left = (act: () => void) => (w: Words) => {
      Atomics.load(w, 0);
      act();
    };
    unknown({ a: left(() => void Promise.resolve().then(() => 1)), b }, /thread a left a promise behind/);
    unknown({ a: left(() => void setTimeout(() => {}, 0)), b }, /thread a left a timer behind/);
    unknown({ a: left(() => void setImmediate(() => {})), b }, /thread a left an immediate behind/);
    unknown({ a: left(() => queueMicrotask(() => {})), b }, /thread a left a microtask behind/);
    unknown({ a: left(() => process.nextTick(() => {})), b }, /thread a left a process.nextTick behind/);
  });

  test('nothing else: a thread that acts and leaves nothing behind is answered', () => {
    expect(explore({ name: 'gap', words: 2, threads: { a: b, b } }).verdict).toBe('pass');
  });
});

describe('what a program throws is a verdict, whatever the value', () => {
  const thrown: readonly (readonly [string, () => unknown])[] = [
    ['an object without a prototype', () => Object.create(null)],
    ['undefined', () => undefined],
    ['a symbol', () => Symbol('odd')],
    [
      'an error whose message throws',
      () =>
        Object.defineProperty(new Error('x'), 'message', {
          get: () => {
            throw new Error('y');
          },
        }),
    ],
    [
      'a proxy whose every trap throws',
      () =>
        new Proxy(
          {},
          {
            get: () => {
              throw new Error('z');
            },
            getPrototypeOf: () => {
              throw new Error('z');
            },
          },
        ),
    ],
  ];
  test.each(thrown)('%s', (_name, make) => {
    const result = explore({
      name: 'odd',
      words: 1,
      threads: {
        a: (w: Words) => {
          Atomics.load(w, 0);
          throw make();
        },
        b: adds(1),
      },
    });
    expect(result).toMatchObject({ verdict: 'fail', failure: { kind: 'exception' } });
    expect(typeof result.failure?.message).toBe('string');
  });

  test('outcomes.of that throws, or gives no string, is a failure', () => {
    const outcomes = (of: () => string): Scenario<Words> => ({ ...two(1), outcomes: { of, allowed: ['1'] } });
    const throws = explore(
      outcomes(() => {
        throw new Error('no outcome');
      }),
    );
    expect(throws.failure).toMatchObject({ kind: 'exception', message: '`outcomes.of`: no outcome' });
    const number = explore(outcomes(() => 1 as unknown as string));
    expect(number.failure?.message).toContain('it has to be a string');
  });
});

test('an estimate of 0 for new classes is not printed as a chance of 0 %', () => {
  const { coverage } = explore(two(1), { strategy: 'random', schedules: 500 });
  expect(coverage.statement).toMatch(
    /every class was met more than once in 500 schedules, which does not exclude one more/,
  );
  expect(coverage.statement).not.toMatch(/chance of 0 %/);
});
