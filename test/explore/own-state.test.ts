import { describe, expect, test } from 'vitest';
import { explore, type Scenario } from '../../src/explore/index.ts';

class Counter {
  readonly #words: Int32Array;
  #seen = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  add(): number {
    this.#seen++;
    Atomics.add(this.#words, 0, 1);
    return this.#seen;
  }
}

class Plain {
  list: number[] = [];
  push(value: number): number {
    return this.list.push(value);
  }
}

const words = (): Int32Array => new Int32Array(new SharedArrayBuffer(16));

describe('what a thread has for itself', () => {
  test('an object with private fields in the state is refused by its path, with the remedy', () => {
    const scenario: Scenario<{ deep: Counter[] }> = {
      setup: () => ({ deep: [new Counter(words())], w: words() }) as { deep: Counter[] },
      threads: { a: ({ deep }) => void deep[0]?.add() },
    };
    expect(() => explore(scenario)).toThrow(
      /state\.deep\[0\] is an object of class Counter.*own\(state, thread\)/,
    );
  });

  test('`own` makes it for each run of each thread', () => {
    const body = (_: Int32Array, counter: Counter): void => expect(counter.add()).toBe(1);
    const scenario: Scenario<Int32Array, Counter> = {
      setup: words,
      own: (state) => new Counter(state),
      threads: { a: body, b: body },
      finally: (state) => expect(state[0]).toBe(2),
    };
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({
      verdict: 'pass',
      schedules: 2,
      exhausted: true,
    });
  });

  test('objects keep their class, and are fresh in each run', () => {
    const body = ({ w, plain }: { w: Int32Array; plain: Plain }): void => {
      expect(plain).toBeInstanceOf(Plain);
      expect(plain.push(1)).toBe(1);
      Atomics.add(w, 0, 1);
    };
    const scenario = { setup: () => ({ w: words(), plain: new Plain() }), threads: { a: body, b: body } };
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({ verdict: 'pass', schedules: 2 });
  });
});

describe('a state of odd objects', () => {
  /** Two threads that each change the object of the state, and find it as setup made it. */
  function explored<T>(make: () => T, change: (mine: T) => void) {
    const body = ({ w, mine }: { w: Int32Array; mine: T }): void => {
      change(mine);
      Atomics.add(w, 0, 1);
    };
    const scenario = { setup: () => ({ w: words(), mine: make() }), threads: { a: body, b: body } };
    const { verdict, failure, exhausted } = explore(scenario, { strategy: 'dfs' });
    return { verdict, exhausted, message: failure?.message };
  }
  const RIGHT = { verdict: 'pass', exhausted: true, message: undefined };

  test('each thread has its own copy of an error, with its class, message, stack and properties', () => {
    const make = () => Object.assign(new TypeError('of setup', { cause: { n: 0 } }), { code: 'E' });
    const found = explored(make, (mine) => {
      const { name, message, code, stack } = mine;
      expect({ name, message, code }).toEqual({ name: 'TypeError', message: 'of setup', code: 'E' });
      expect(mine).toBeInstanceOf(TypeError);
      expect(stack).toMatch(/own-state\.test\.ts/);
      expect(mine.cause).toEqual({ n: 0 });
      (mine.cause as { n: number }).n++;
      mine.code = 'changed';
    });
    expect(found).toEqual(RIGHT);
  });

  test('each thread has its own copy of a Buffer, which is one', () => {
    const found = explored(
      () => Buffer.from('abc'),
      (mine) => {
        expect(Buffer.isBuffer(mine)).toBe(true);
        expect(mine.toString()).toBe('abc');
        mine[0] = 1;
      },
    );
    expect(found).toEqual(RIGHT);
  });

  test('a view of a class with a constructor of its own is copied without calling that', () => {
    class Odd extends Uint8Array {
      constructor(length: number) {
        if (typeof length !== 'number') throw new Error('not a length');
        super(length);
      }
    }
    const found = explored(
      () => new Odd(2),
      (mine) => {
        expect(mine).toBeInstanceOf(Odd);
        expect(mine[0]).toBe(0);
        mine[0] = 1;
      },
    );
    expect(found).toEqual(RIGHT);
  });

  test('no getter of a state is called but by threads', () => {
    let calls = 0;
    const make = () => ({
      get count() {
        return ++calls;
      },
      get buffer() {
        return ++calls;
      },
      get [Symbol.toStringTag]() {
        return String(++calls);
      },
      list: new Map([['a', Object.defineProperty([], 'x', { get: () => ++calls, enumerable: true })]]),
    });
    expect(explored(make, () => {})).toEqual(RIGHT);
    expect(calls).toBe(0);
    expect(explored(make, (mine) => void mine.buffer).verdict).toBe('pass');
    expect(calls).toBeGreaterThan(0);
  });

  test('a proxy is refused by its path, and none of its traps is called', () => {
    const trap = (): never => {
      throw new Error('a trap was called');
    };
    const make = () => new Proxy({}, { get: trap, ownKeys: trap, getPrototypeOf: trap, has: trap });
    expect(() => explored(make, () => {})).toThrow(/state\.mine is a proxy/);
    expect(() =>
      explored(
        () => Object.create(make()) as object,
        () => {},
      ),
    ).toThrow(/state\.mine is an object that inherits from a proxy/);
  });

  test('a change of an error of the main thread is noticed', () => {
    const error = new Error('shared');
    const change = (): void => void Object.assign(error, { seen: 1 });
    expect(() => explored(() => error, change)).toThrow(/a thread has changed plain data of the state/);
  });
});

describe('one memory', () => {
  test('two SharedArrayBuffer objects over the same bytes are one: a notify through one wakes a sleeper on the other', () => {
    const scenario: Scenario<{ one: Int32Array; other: Int32Array }> = {
      setup() {
        const one = words();
        return { one, other: structuredClone(one) };
      },
      threads: {
        sleeper: ({ one }) => void Atomics.wait(one, 0, 0),
        waker({ other }) {
          Atomics.store(other, 0, 1);
          Atomics.notify(other, 0);
        },
      },
    };
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('a buffer that the state does not lead to is controlled, and put back', () => {
    const hidden = words();
    const add = (): void => void Atomics.store(hidden, 0, Atomics.load(hidden, 0) + 1);
    const scenario = {
      setup: words,
      threads: { a: add, b: add },
      finally: () => expect(Atomics.load(hidden, 0)).toBe(2),
    };
    const result = explore(scenario, { strategy: 'dfs', all: true });
    expect(result).toMatchObject({ schedules: 6, failures: 4, exhausted: true });
  });

  test('more than 64 KiB changes nothing: data behind a flag is taken whole', () => {
    const scenario: Scenario<{ s: Int32Array; big: SharedArrayBuffer }> = {
      setup: () => ({ s: words(), big: new SharedArrayBuffer(1 << 20) }),
      threads: {
        producer({ s }) {
          s[1] = 7;
          Atomics.store(s, 0, 1);
        },
        consumer({ s }) {
          if (Atomics.load(s, 0) !== 1) return;
          expect(s[1]).toBe(7);
          s[1] = 0;
        },
      },
    };
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({ verdict: 'pass', exhausted: true });
  });
});

describe('memory that grows', () => {
  // TypeScript of this target does not know growable buffers.
  type Growable = SharedArrayBuffer & { grow(bytes: number): void };
  type Class = new (bytes: number, options?: { maxByteLength: number }) => Growable;
  const grown = (): Growable => {
    const buffer = new (SharedArrayBuffer as unknown as Class)(4, { maxByteLength: 64 });
    buffer.grow(8);
    return buffer;
  };
  type State = { readonly buffer: Growable };
  const setup = (): State => ({ buffer: grown() });
  const count = ({ buffer }: State): void => void Atomics.add(new Int32Array(buffer), 1, 1);

  test('memory that grows in setup is memory like any other', () => {
    const scenario: Scenario<State> = {
      setup,
      threads: { a: count, b: count },
      finally: ({ buffer }) => expect([...new Int32Array(buffer)]).toEqual([0, 2]),
    };
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({ exhausted: true, schedules: 2 });
  });

  test.each([
    ['a buffer in a thread', { a: ({ buffer }: State) => buffer.grow(12) }, {}],
    ['a buffer in finally', { a: count }, { finally: ({ buffer }: State) => buffer.grow(12) }],
  ])('is refused by name and line: %s', (_, threads, rest) => {
    expect(() => explore({ setup, threads, ...rest })).toThrowError(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(
          /^SharedArrayBuffer\.prototype\.grow at .*own-state\.test\.ts:\d+:\d+ cannot be controlled: shared memory cannot be made smaller again/,
        ),
      }),
    );
  });

  test('a memory of WebAssembly too', () => {
    type Memory = { readonly buffer: SharedArrayBuffer; grow(pages: number): void };
    const { Memory } = Reflect.get(globalThis, 'WebAssembly') as { Memory: new (limits: object) => Memory };
    const scenario: Scenario<Memory> = {
      setup: () => new Memory({ initial: 1, maximum: 4, shared: true }),
      threads: { a: (memory) => memory.grow(1) },
    };
    expect(() => explore(scenario)).toThrow(
      /^WebAssembly\.Memory\.prototype\.grow at .* cannot be controlled/,
    );
  });

  test("a thread's own buffer may grow", () => {
    const body = (w: Int32Array): void => {
      Atomics.store(new Int32Array(grown()), 1, 1);
      Atomics.add(w, 0, 1);
    };
    const scenario: Scenario<Int32Array> = {
      setup: words,
      threads: { a: body, b: body },
      finally: body,
    };
    expect(explore(scenario, { strategy: 'dfs' })).toMatchObject({ exhausted: true, schedules: 2 });
  });
});
