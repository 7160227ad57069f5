import { describe, expect, test } from 'vitest';
import { checkScenario, explore, type Failure, replay, type Scenario } from '../../src/explore/index.ts';
import { type Alternative, type WhatIf, whatIfChecked } from '../../src/explore/telling/what-if.ts';
import { litmus } from '../../src/races/litmus/names.ts';

function failureOf<S>(scenario: Scenario<S>): Failure {
  const { failure } = explore(scenario);
  if (failure === undefined) throw new Error(`${scenario.name} does not fail`);
  return failure;
}

function whatIf<S>(scenario: Scenario<S>, token = failureOf(scenario).token): WhatIf {
  const told = whatIfChecked(token, checkScenario(scenario));
  if (told === undefined) throw new Error(`${scenario.name} does not fail any more`);
  return told;
}

/** Alternatives whose token, replayed, does not lead to the steps and the end that were told. */
function wrongIn<S>(scenario: Scenario<S>, alternatives: readonly Alternative[]): string[] {
  return alternatives.flatMap(({ token, kind, trace, from, at, thread }) => {
    const again = replay(token, scenario);
    const isSame =
      (again.failure?.kind ?? null) === kind &&
      again.steps === from - 1 + trace.length &&
      again.trace[at - 1]?.thread === thread &&
      again.diverged === undefined;
    return isSame ? [] : [`${thread} at step ${at}`];
  });
}

const counter: Scenario<Int32Array> = {
  name: 'counter',
  setup: () => new Int32Array(new SharedArrayBuffer(8)),
  threads: {
    left: (s) => {
      Atomics.store(s, 0, Atomics.load(s, 0) + 1);
    },
    right: (s) => {
      Atomics.store(s, 0, Atomics.load(s, 0) + 1);
    },
  },
  finally: (s) => {
    if (s[0] !== 2) throw new Error(`${s[0]}`);
  },
};

describe('what would have happened had another thread gone on', () => {
  const told = whatIf(counter);

  test('the card tells the end for each step and each other thread that could have gone on', () => {
    expect(told.failing.trace.map(({ thread }) => thread)).toEqual(['left', 'right', 'right', 'left']);
    // At the last step right has ended.
    expect(told.alternatives.map(({ at, thread, kind }) => [at, thread, kind])).toEqual([
      [3, 'left', 'exception'],
      [2, 'left', null],
      [1, 'right', null],
    ]);
    expect(told.all).toBe(3);
    expect(told.alternatives[1]?.trace.map(({ thread, op }) => `${thread} ${op}`)).toEqual([
      'left store',
      'right load',
      'right store',
    ]);
  });

  test('the nearest schedule that passes is the one that leaves the failing one last', () => {
    expect(told.passing).toBe(1);
  });

  test('the card has the value of each word after each step', () => {
    expect(told.words).toEqual(['s[0]']);
    expect(told.before).toEqual(['0']);
    expect(told.failing.values).toEqual([['0'], ['0'], ['1'], ['1']]);
    expect(told.alternatives[1]?.values).toEqual([['1'], ['1'], ['2']]);
  });

  test.each(['lost-update-2x1', 'futex-lost-wakeup', 'reorder-3+1'])('is repeated by tokens: %s', (name) => {
    const scenario = litmus(name);
    const { alternatives } = whatIf(scenario);
    expect(alternatives.length).toBeGreaterThan(0);
    expect(wrongIn(scenario, alternatives)).toEqual([]);
    // One that is told to end otherwise is noticed.
    const [first] = alternatives as [Alternative, ...Alternative[]];
    expect(wrongIn(scenario, [{ ...first, kind: 'livelock' }])).toHaveLength(1);
  });

  test('the card is empty for a schedule that does not fail', () => {
    const passing = told.alternatives[1]?.token ?? '';
    expect(whatIfChecked(passing, checkScenario(counter))).toBeUndefined();
  });
});

test('a word that lies over another has its value also where it changes by the other', () => {
  const scenario: Scenario<{ bytes: Uint8Array; word: Uint32Array }> = {
    name: 'over',
    setup: () => {
      const buffer = new SharedArrayBuffer(8);
      return { bytes: new Uint8Array(buffer), word: new Uint32Array(buffer) };
    },
    threads: {
      one: ({ bytes, word }) => {
        Atomics.store(word, 0, 0x0101);
        Atomics.store(bytes, 1, 2);
        if (Atomics.load(word, 1) === 0) throw new Error('not yet');
      },
      two: ({ word }) => {
        Atomics.store(word, 1, 7);
      },
    },
  };
  const { words, before, failing } = whatIf(scenario);
  const column = (name: string) => failing.values.map((row) => row[words.indexOf(name)]);
  expect([...words].sort()).toEqual(['s.bytes[1]', 's.word[0]', 's.word[1]']);
  expect(before).toEqual(['0', '0', '0']);
  expect(column('s.word[0]').slice(0, 3)).toEqual(['257', '513', '513']);
});

test('an alternative that goes on and on is given up, and is not called a failure', () => {
  const scenario: Scenario<Int32Array> = {
    name: 'long',
    setup: () => new Int32Array(new SharedArrayBuffer(8)),
    threads: {
      quick: (s) => {
        if (Atomics.load(s, 0) === 0) throw new Error('before the other');
      },
      slow: (s) => {
        for (let i = 1; i < 1000; i++) Atomics.store(s, 0, i);
      },
    },
  };
  const { alternatives } = whatIf(scenario);
  const open = alternatives.find(({ thread, at }) => thread === 'slow' && at === 1);
  expect(open?.kind).toBe('open');
  expect(open?.trace.length).toBeGreaterThan(150);
  expect(open?.trace.length).toBeLessThanOrEqual(202);
});

test('of very many alternatives the card tells the last, and the number of all', { timeout: 120_000 }, () => {
  const step = (s: Int32Array) => {
    for (let i = 0; i < 44; i++) Atomics.add(s, 0, 1);
  };
  const scenario: Scenario<Int32Array> = {
    name: 'wide',
    setup: () => new Int32Array(new SharedArrayBuffer(8)),
    threads: { a: step, b: step, c: step, d: step },
    finally: (s) => {
      if (s[0] === 176) throw new Error('all');
    },
  };
  const { alternatives, all, passing } = whatIf(scenario);
  expect(alternatives.length).toBeGreaterThan(100);
  expect(all).toBeGreaterThan(alternatives.length);
  expect(passing).toBeUndefined();
});
