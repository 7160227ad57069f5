import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/loading/scenario.ts';
import type { IntegerArray } from '../../src/explore/running/operation.ts';
import { explore } from '../../src/explore/search/explore.ts';
import type { ExploreOptions } from '../../src/explore/search/explore-options.ts';

const KINDS = [
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
] as const;
const OPS = [
  'load',
  'store',
  'add',
  'sub',
  'and',
  'or',
  'xor',
  'exchange',
  'compareExchange',
  'notify',
] as const;
const NATIVE = {
  ...Object.fromEntries(
    Object.getOwnPropertyNames(Atomics).map((name) => [name, Reflect.get(Atomics, name)]),
  ),
};

const makeView = (Kind: new (buffer: SharedArrayBuffer) => IntegerArray, buffer: SharedArrayBuffer) =>
  new Kind(buffer);

type Call = { op: (typeof OPS)[number]; kind: number; index: number; a: number; b: number };

/** Makes the calls, and gives what each returned, or the name of the error it threw. */
function perform(buffer: SharedArrayBuffer, calls: readonly Call[]): string[] {
  const views = KINDS.map((Kind) => makeView(Kind, buffer));
  return calls.map(({ op, kind, index, a, b }) => {
    const view = views[kind];
    const [first, second] = kind >= 6 ? [BigInt(a), BigInt(b)] : [a, b];
    try {
      const method = Reflect.get(Atomics, op) as (...args: unknown[]) => unknown;
      if (op === 'load') return String(method(view, index));
      if (op === 'notify') return String(method(view, index, Math.abs(a)));
      return String(
        op === 'compareExchange' ? method(view, index, first, second) : method(view, index, first),
      );
    } catch (error) {
      return error instanceof Error ? error.name : 'thrown';
    }
  });
}

const call: fc.Arbitrary<Call> = fc.record({
  op: fc.constantFrom(...OPS),
  kind: fc.nat(KINDS.length - 1),
  // Past the end of the narrow views of 16 bytes, and of all others.
  index: fc.nat(17),
  a: fc.oneof(
    fc.integer(),
    fc.integer({ min: -3, max: 3 }),
    fc.constantFrom(2 ** 31, 2 ** 32 - 1, -(2 ** 31) - 1, 2 ** 40),
  ),
  b: fc.integer(),
});

test('every operation on every kind of array gives what the engine gives, and leaves the same bytes', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 1, maxLength: 24 }), (calls) => {
      const native = new SharedArrayBuffer(16);
      const expected = perform(native, calls);
      let seen: string[] = [];
      let bytes: number[] = [];
      const result = explore<SharedArrayBuffer>(
        {
          name: 'one-thread',
          setup: () => new SharedArrayBuffer(16),
          threads: {
            only: (buffer) => {
              seen = perform(buffer, calls);
            },
          },
          finally: (buffer) => {
            bytes = [...new Uint8Array(buffer)];
          },
        },
        { strategy: 'dfs' },
      );
      // Calls that all throw leave the thread without a step, and then nothing was explored.
      const acted = result.steps > 0;
      expect(result).toMatchObject({ verdict: acted ? 'pass' : 'unknown', exhausted: acted, schedules: 1 });
      expect(seen).toEqual(expected);
      expect(bytes).toEqual([...new Uint8Array(native)]);
    }),
    { numRuns: 300 },
  );
});

function atomicsIsNative(): boolean {
  return Object.entries(NATIVE).every(([name, method]) => Reflect.get(Atomics, name) === method);
}

/** The least there is: two threads that do something to one word. */
function pair(
  a: (s: Int32Array) => void,
  b: (s: Int32Array) => void,
  more: Partial<Scenario<Int32Array>> = {},
): Scenario<Int32Array> {
  return { name: 'pair', words: 8, threads: { a, b }, ...more };
}

const all = (scenario: Scenario<Int32Array>, options: ExploreOptions = {}) =>
  explore(scenario, { strategy: 'dfs', ...options });

describe('Atomics, clock and chance are put back', () => {
  const before = {
    now: Date.now,
    Date,
    random: Math.random,
    hrtime: process.hrtime,
    buffer: SharedArrayBuffer,
  };
  const isBack = () =>
    atomicsIsNative() &&
    Date.now === before.now &&
    Date === before.Date &&
    Math.random === before.random &&
    process.hrtime === before.hrtime &&
    SharedArrayBuffer === before.buffer;

  test('a search restores Atomics, clock and chance after a pass and after a failure', () => {
    let during = true;
    const look = () => {
      during = isBack();
    };
    all(pair(look, (s) => void Atomics.add(s, 0, 1)));
    expect(during).toBe(false);
    expect(isBack()).toBe(true);
    all(
      pair(
        () => {
          throw new Error('no');
        },
        () => {},
      ),
    );
    expect(isBack()).toBe(true);
  });

  test('a search restores Atomics, clock and chance after an error of the explorer itself', () => {
    const asks = pair(
      (s) => void Reflect.get(Atomics, 'waitAsync')(s, 0, 0),
      () => {},
    );
    expect(() => all(asks)).toThrow(/Atomics\.waitAsync at .* cannot be controlled/);
    expect(isBack()).toBe(true);
  });

  test('a search restores Atomics, clock and chance after setup has thrown', () => {
    const scenario: Scenario = {
      name: 'bad-setup',
      setup: () => {
        throw new Error('not today');
      },
      threads: { a: () => {} },
    };
    expect(() => explore(scenario)).toThrow('not today');
    expect(isBack()).toBe(true);
  });

  test('a second exploration inside a thread is refused', () => {
    const inner = pair(
      () =>
        void all(
          pair(
            () => {},
            () => {},
          ),
        ),
      () => {},
    );
    expect(all(inner).failure?.message).toMatch(/already running/);
    expect(isBack()).toBe(true);
  });
});

describe('code that is being suspended', () => {
  test('suspended code does nothing in its finally and catch blocks', () => {
    const scenario = pair(
      (s) => {
        try {
          Atomics.add(s, 0, 1);
          Atomics.add(s, 0, 1);
        } catch {
          Atomics.store(s, 1, 1);
        } finally {
          Atomics.add(s, 2, 1);
        }
      },
      (s) => {
        for (let i = 0; i < 3; i++) Atomics.add(s, 3, 1);
      },
      {
        finally: (s) => {
          expect([...s.subarray(0, 4)]).toEqual([2, 0, 1, 3]);
        },
      },
    );
    expect(all(scenario)).toMatchObject({ verdict: 'pass', exhausted: true, schedules: 20 });
  });

  test('code may swallow the exception that suspends it, and still goes on at the same place', () => {
    const scenario = pair(
      (s) => {
        for (let i = 0; i < 2; i++) {
          try {
            Atomics.add(s, 0, 1);
          } catch {}
        }
      },
      (s) => {
        for (let i = 0; i < 2; i++) {
          try {
            Atomics.add(s, 0, 1);
          } catch (error) {
            throw new Error('wrapped', { cause: error });
          }
        }
      },
      { finally: (s) => expect(s[0]).toBe(4) },
    );
    expect(all(scenario)).toMatchObject({ verdict: 'pass', exhausted: true, schedules: 6 });
  });

  test('exceptions of suspended code itself are failures', () => {
    const scenario = pair(
      (s) => {
        try {
          Atomics.add(s, 0, 1);
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: an exception of its own is what is tested
          if (s[0] === 2) throw new Error('mine');
        }
      },
      (s) => void Atomics.add(s, 0, 1),
    );
    expect(all(scenario).failure).toMatchObject({ kind: 'exception', message: 'a: mine' });
  });

  test.each([
    ['and tries until it succeeds', (s: Int32Array) => Atomics.compareExchange(s, 0, 0, 1) === 0],
    ['and tries for ever', (s: Int32Array) => Atomics.load(s, 0) === 5],
  ])('is refused by its line where it catches the exception, %s', (_, attempt) => {
    const scenario = pair(
      (s) => {
        for (;;) {
          try {
            if (attempt(s)) return;
          } catch {}
        }
      },
      (s) => void Atomics.store(s, 0, 0),
    );
    expect(() => all(scenario, { hangSeconds: 0.2 })).toThrowError(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(
          /thread a catches the exception that suspends it, and tries again without end, at .*controlled-atomics\.test\.ts:\d+:\d+/,
        ),
      }),
    );
    expect(atomicsIsNative()).toBe(true);
  });

  test('code may catch the suspending exception a thousand times, if its loop ends', () => {
    const body = (s: Int32Array): void => {
      for (let tries = 0; tries < 1000; tries++) {
        try {
          Atomics.add(s, 0, 1);
          return;
        } catch {}
      }
    };
    expect(all(pair(body, body))).toMatchObject({ verdict: 'pass', exhausted: true, schedules: 2 });
  });
});

test('a thread that loops without operations is given up', () => {
  const scenario = pair(
    (s) => {
      if (Atomics.load(s, 0) === 1) for (;;);
    },
    (s) => void Atomics.store(s, 0, 1),
  );
  expect(all(scenario, { hangSeconds: 0.2 }).failure).toMatchObject({ kind: 'livelock' });
  expect(atomicsIsNative()).toBe(true);
});

describe('nondeterminism', () => {
  test('nondeterminism is reported with both operations', () => {
    let runs = 0;
    const scenario = pair(
      (s) => {
        Atomics.add(s, 0, 1);
        if (++runs % 5 === 0) Atomics.sub(s, 1, 1);
        else Atomics.add(s, 1, 1);
      },
      (s) => {
        for (let i = 0; i < 4; i++) Atomics.add(s, 0, 1);
      },
    );
    const { failure } = all(scenario);
    expect(failure?.kind).toBe('nondeterminism');
    expect(failure?.message).toMatch(
      /a did another thing .*(add|sub)\(s\[1\], 1\), and then (add|sub)\(s\[1\], 1\)/,
    );
  });

  test('clock and chance are no cause of it, and are the same for one seed', () => {
    const seen = new Set<string>();
    const scenario = pair(
      (s) => {
        const all = [
          Date.now(),
          String(new Date()),
          performance.now(),
          process.hrtime.bigint(),
          Math.random(),
          crypto.randomUUID(),
        ];
        Atomics.add(s, 0, 1);
        seen.add(`${all.join()} ${performance.now()} ${Math.random()}`);
        if (Math.random() < 0.5) Atomics.add(s, 1, 1);
        else Atomics.sub(s, 1, 1);
      },
      (s) => {
        const until = Date.now() + 1;
        while (Date.now() < until);
        Atomics.add(s, 0, 1);
      },
    );
    expect(all(scenario, { seed: 5 })).toMatchObject({ verdict: 'pass', exhausted: true });
    expect(seen.size).toBe(1);
    all(scenario, { seed: 6 });
    expect(seen.size).toBe(2);
  });
});

describe('memory', () => {
  test('memory that a thread has to itself is no point of the schedule', () => {
    const scenario = pair(
      (s) => {
        const mine = new Int32Array(new SharedArrayBuffer(8));
        for (let i = 0; i < 50; i++) Atomics.add(mine, 0, 1);
        Atomics.add(s, 0, Atomics.load(mine, 0));
        expect(Atomics.wait(mine, 0, 50, 1)).toBe('timed-out');
      },
      (s) => void Atomics.add(s, 0, 1),
      { finally: (s) => expect(s[0]).toBe(51) },
    );
    expect(all(scenario)).toMatchObject({ verdict: 'pass', schedules: 2, steps: 4 });
  });

  test('memory is the same under views of other widths', () => {
    const scenario = (at: number): Scenario<SharedArrayBuffer> => ({
      name: 'alias',
      setup: () => new SharedArrayBuffer(16),
      threads: {
        wide: (buffer) => void Atomics.add(new BigInt64Array(buffer), 0, 1n),
        narrow: (buffer) => void Atomics.add(new Int8Array(buffer), at, 1),
      },
    });
    // Byte 7 belongs to the wide word, byte 8 does not: then one order stands for both.
    expect(explore(scenario(7), { strategy: 'dpor' }).schedules).toBe(2);
    expect(explore(scenario(8), { strategy: 'dpor' }).schedules).toBe(1);
  });

  test("an unseen write, through a view of the thread's own, belongs to the step of that write", () => {
    const scenario = pair(
      (s) => {
        const unseen = new Int32Array(s.buffer);
        unseen[1] = 42;
        Atomics.store(s, 0, 1);
        unseen[1] = 43;
        Atomics.store(s, 2, 1);
      },
      (s) => {
        if (Atomics.load(s, 0) === 1) expect(new Int32Array(s.buffer)[1]).toBe(43);
      },
      { finally: (s) => expect(s[1]).toBe(43) },
    );
    const result = all(scenario);
    expect(result).toMatchObject({ verdict: 'pass', exhausted: false, schedules: 3 });
    expect(result.coverage.statement).toMatch(/plain accesses to shared memory \(a write to s\[1\]\)/);
  });

  test('a write without Atomics is a step of its own', () => {
    const scenario = pair(
      (s) => {
        s[1] = 42;
        Atomics.store(s, 0, 1);
        s[1] = 43;
      },
      (s) => {
        if (Atomics.load(s, 0) === 1) expect(s[1]).toBe(43);
      },
    );
    expect(all(scenario).failure).toMatchObject({ kind: 'assertion', preemptions: 1, steps: 4 });
  });

  test('an unseen read reads the memory of that moment, in every run of the code', () => {
    // The reader sees both halves of the value at different times; its check is on what it has read plainly.
    const torn: Scenario<Int32Array> = pair(
      (s) => {
        Atomics.store(s, 1, 7);
        Atomics.store(s, 2, 7);
      },
      (s) => {
        Atomics.load(s, 0);
        const unseen = new Int32Array(s.buffer);
        const seen = [unseen[1], unseen[2]];
        Atomics.load(s, 0);
        expect(seen[0]).toBe(seen[1]);
      },
    );
    expect(all(torn).failure).toMatchObject({ kind: 'assertion', preemptions: 1, minimal: 'proved' });
    const { threads } = torn;
    const whole = { ...torn, threads: { ...threads, a: (s: Int32Array) => void Atomics.store(s, 3, 7) } };
    expect(all(whole)).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('plain data of the state is a copy for each thread, afresh in each run; that of setup itself is no threads', () => {
    type State = { words: Int32Array; list: number[]; nested: { map: Map<string, number[]> } };
    let made: State | undefined;
    const scenario = (touch: (state: State) => void): Scenario<State> => ({
      name: 'plain-data',
      setup: () => {
        made = {
          words: new Int32Array(new SharedArrayBuffer(4)),
          list: [],
          nested: { map: new Map([['x', []]]) },
        };
        return made;
      },
      threads: {
        a: (state) => {
          expect([state.list.length, state.nested.map.get('x')?.length]).toEqual([0, 0]);
          Atomics.add(state.words, 0, 1);
          touch(state);
        },
        b: ({ words }) => void Atomics.add(words, 0, 1),
      },
      finally: ({ list }) => expect(list).toEqual([]),
    });
    const own = scenario(({ list, nested }) => {
      list.push(1);
      nested.map.get('x')?.push(2);
    });
    expect(explore(own, { strategy: 'dfs' })).toMatchObject({
      verdict: 'pass',
      exhausted: true,
      schedules: 2,
    });
    expect(() => explore(scenario(() => void made?.list.push(1)))).toThrow(
      /has changed plain data of the state \(nothing became s\.list\.0=1\)/,
    );
  });

  test('a word has the name that the scenario gives, or its array and index', () => {
    const bad = (names?: Scenario['names']): Scenario<{ ring: { words: Int32Array } }> => ({
      name: 'names',
      setup: () => ({ ring: { words: new Int32Array(new SharedArrayBuffer(16)) } }),
      threads: { a: ({ ring }) => expect(Atomics.add(ring.words, 3, 1)).toBe(1) },
      ...(names === undefined ? {} : { names }),
    });
    expect(explore(bad()).failure?.trace[0]?.target).toBe('s.ring.words[3]');
    expect(explore(bad((_buffer, byteOffset) => `word${byteOffset / 4}`)).failure?.trace[0]?.target).toBe(
      'word3',
    );
  });
});
