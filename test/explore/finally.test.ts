import { describe, expect, test } from 'vitest';
import { explore, type Scenario } from '../../src/explore/index.ts';

/** A buffer so large that it is not compared whole after each schedule. */
const LARGE = 1 << 18;

describe('what `finally` writes without Atomics', () => {
  // Two threads whose operations commute, so that every schedule ends with the same memory.
  const scenario = (drain: (words: Int32Array, hidden: Int32Array) => void): Scenario<Int32Array> => {
    const hidden = new Int32Array(new SharedArrayBuffer(LARGE));
    return {
      setup: () => {
        hidden.fill(0);
        return new Int32Array(new SharedArrayBuffer(LARGE));
      },
      threads: {
        a: (words) => {
          Atomics.add(words, 0, 1);
          Atomics.add(hidden, 0, 1);
          Atomics.add(words, 0, 1);
        },
        b: (words) => {
          Atomics.add(words, 0, 1);
          Atomics.add(hidden, 0, 1);
          Atomics.add(words, 0, 1);
        },
      },
      finally: (words) => {
        expect(Atomics.load(words, 0)).toBe(4);
        expect(hidden[1], 'a write of the schedule before').toBe(0);
        drain(words, hidden);
      },
    };
  };

  test.each(['dfs', 'dpor', 'random'] as const)(
    'is not there when the next schedule of %s begins',
    (strategy) => {
      const writes = scenario((words, hidden) => {
        hidden[1] = 1;
        words[7] = 1;
      });
      const result = explore(writes, { strategy, ...(strategy === 'random' ? { schedules: 2000 } : {}) });
      expect(result.failure).toBeUndefined();
      expect(result.verdict).toBe('pass');
    },
  );

  test('a write of `finally` without Atomics is undone where the byte was a thread’s own until then', () => {
    const own: Scenario<Int32Array> = {
      setup: () => new Int32Array(new SharedArrayBuffer(LARGE)),
      threads: {
        a: (words) => {
          Atomics.add(words, 0, 1);
          expect(words[5]).toBe(0);
          words[5] = 1;
          Atomics.add(words, 0, 1);
          words[5] = 3;
          Atomics.add(words, 1, 1);
          words[5] = 1;
        },
        b: (words) => {
          Atomics.add(words, 0, 1);
          Atomics.add(words, 1, 1);
        },
      },
      finally: (words) => {
        expect(words[5]).toBe(1);
        words[5] = 2;
      },
    };
    const result = explore(own, { strategy: 'dfs' });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true, schedules: 10, bounded: null });
  });
});
