/** What a scenario's own functions and keys may be: a mistake in them is named, and is never a fault of the explorer. */
import { describe, expect, test } from 'vitest';
import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { explore } from '../../src/explore/search/explore.ts';

const words = (): Int32Array => new Int32Array(new SharedArrayBuffer(8));
const add = (w: Int32Array): void => void Atomics.store(w, 0, Atomics.load(w, 0) + 1);
const base = { name: 'hooks', setup: words, threads: { a: add, b: add } };
const losing = {
  ...base,
  finally(w: Int32Array) {
    if (Atomics.load(w, 0) !== 2) throw new Error('lost');
  },
};

/** What `explore` says of a scenario that has anything in it. */
function tried(scenario: object): { code?: unknown; message: string } {
  try {
    const { verdict, failure } = explore(scenario as Scenario, { strategy: 'dfs', hangSeconds: 0.2 });
    return { message: `${verdict} ${failure?.kind ?? ''} ${failure?.message ?? ''}`.trim() };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    return { code, message };
  }
}

const boom = (): never => {
  throw new TypeError('boom');
};
const odd = (): never => {
  throw Object.create(null);
};
/** It looks like a promise, until one looks closer. */
const thenThrows = () => Object.defineProperty({}, 'then', { get: boom });
const addAndThrowThen = (w: Int32Array) => {
  add(w);
  return thenThrows();
};

describe('is an error of the scenario', () => {
  test.each([
    [
      'setup that throws',
      { ...base, setup: boom },
      /`setup` threw TypeError: boom at .*hooks\.test\.ts:\d+:\d+\./,
    ],
    [
      'setup that throws no error',
      { ...base, setup: odd },
      /`setup` threw \[Object: null prototype\] \{\}\./,
    ],
    [
      'setup that gives a promise',
      { ...base, setup: () => Promise.resolve(words()) },
      /`setup` returned a promise/,
    ],
    ['setup that gives nothing', { ...base, setup: () => {} }, /the state has no SharedArrayBuffer/],
    ['names that throws', { ...losing, names: boom }, /`names` threw TypeError: boom at /],
    [
      'names that gives a number',
      { ...losing, names: () => 5 },
      /`names` returned 5\. It has to return the name/,
    ],
    ['names that gives a symbol', { ...losing, names: () => Symbol('s') }, /`names` returned Symbol\(s\)\./],
    [
      'names that gives an object',
      { ...losing, names: () => ({ toString: boom }) },
      /`names` returned an object/,
    ],
    ['async names', { ...losing, names: async () => 'x' }, /`names` is async/],
    [
      'finally that gives a promise',
      { ...base, finally: () => Promise.resolve() },
      /`finally` returned a promise/,
    ],
    ['async own', { ...base, own: async () => 1 }, /`own` is async/],
    ['own that gives a promise', { ...base, own: () => Promise.resolve() }, /`own` returned a promise/],
    [
      'async outcomes.of',
      { ...base, outcomes: { of: async () => '1', allowed: ['1'] } },
      /`outcomes\.of` is async/,
    ],
    [
      'outcomes.of that gives a promise',
      { ...base, outcomes: { of: () => Promise.resolve('1'), allowed: ['1'] } },
      /`outcomes\.of` returned a promise/,
    ],
    [
      'allowed that is no list',
      { ...base, outcomes: { of: String, allowed: '1' } },
      /`outcomes\.allowed` is "1"/,
    ],
    [
      'allowed with a number',
      { ...base, outcomes: { of: String, allowed: [1] } },
      /`outcomes\.allowed` has 1 in it/,
    ],
    [
      'interesting that is no list',
      { ...base, outcomes: { of: String, allowed: [], interesting: 5 } },
      /`outcomes\.interesting` is 5/,
    ],
    [
      'a getter that throws',
      Object.defineProperty({ ...base }, 'outcomes', { get: boom }),
      /reading it throws: boom/,
    ],
    ['a proxy that throws', new Proxy({}, { get: boom }), /reading it throws: boom/],
    ['a thread without a name', { ...base, threads: { '': add } }, /the name of a thread is ""/],
    [
      'a thread named in red',
      { ...base, threads: { '\u001b[31m': add } },
      /the name of a thread is "\\u001b\[31m"/,
    ],
    [
      'thread for threads',
      { words: 1, thread: { a: add } },
      /there is no key `thread`; did you mean threads\?/,
    ],
    ['final for finally', { ...base, final: boom }, /there is no key `final`; did you mean finally\?/],
    [
      'a key that is like none',
      { ...base, zzz: 1 },
      /there is no key `zzz` \(there are: name, setup, words, own/,
    ],
    [
      'alowed for allowed',
      { ...base, outcomes: { of: String, alowed: [] } },
      /there is no key `outcomes\.alowed`; did you mean allowed\?/,
    ],
  ])('%s', (_, scenario, message) => {
    const found = tried(scenario);
    expect(found.message).toMatch(message);
    expect(found.code).toBe('ERR_SCENARIO');
  });
});

describe('is a verdict', () => {
  test.each([
    ['finally that throws no error', { ...base, finally: odd }, /^fail exception after the last thread/],
    [
      'outcomes.of that throws',
      { ...base, outcomes: { of: boom, allowed: [] } },
      /^fail exception `outcomes.of`: .*boom$/,
    ],
    [
      'outcomes.of that gives a number',
      { ...base, outcomes: { of: () => 1, allowed: [] } },
      /^fail exception .* is 1;/,
    ],
    ['own that throws', { ...base, own: boom }, /^fail exception [ab]: TypeError: boom$/],
    ['finally that gives an odd object', { ...base, finally: thenThrows }, /^pass$/],
    ['own that gives an odd object', { ...base, own: thenThrows }, /^pass$/],
    ['a thread that gives an odd object', { ...base, threads: { a: addAndThrowThen, b: add } }, /^pass$/],
  ])('%s', (_, scenario, message) => {
    const found = tried(scenario);
    expect(found.message).toMatch(message);
    expect(found.code).toBeUndefined();
  });
});

test('a name of a word is shown on one line, without control characters, and not longer than a column bears', () => {
  const named = (name: string) => explore({ ...losing, names: () => name }).failure?.trace[0]?.target;
  expect(named('head')).toBe('head');
  expect(named('a\n\u001b[31mb')).toBe('a \\u001b[31mb');
  expect(named('x'.repeat(500))).toBe(`${'x'.repeat(59)}…`);
  expect(named('')).toBe('s[0]');
});

test('an object of a class may have what it likes beside the keys of a scenario', () => {
  class Mine {
    readonly words = 1;
    readonly threads = { a: add };
    readonly helper = 1;
  }
  expect(checkScenario(new Mine()).threadNames).toEqual(['a']);
});
