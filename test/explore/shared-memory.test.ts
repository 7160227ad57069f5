import { expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { explore } from '../../src/explore/explore.ts';
import { SharedMemory } from '../../src/explore/shared-memory.ts';

/** One large buffer with a rest of less than a word, and a small one; filled with something. */
function memories(): { state: { large: Uint8Array; small: Uint8Array }; memory: SharedMemory } {
  const state = {
    large: new Uint8Array(new SharedArrayBuffer(4099)),
    small: new Uint8Array(new SharedArrayBuffer(10)),
  };
  for (const bytes of [state.large, state.small]) {
    for (let i = 0; i < bytes.length; i++) bytes[i] = i * 7;
  }
  const memory = new SharedMemory(state, []);
  memory.markFresh();
  return { state, memory };
}

test('what is copied word by word is what would be copied whole', () => {
  const sparse = memories();
  const whole = memories();
  sparse.memory.whole = false;
  const chance = new Chance(7);
  chance.begin(0);
  const both = (act: (side: typeof sparse) => void): void => {
    act(sparse);
    act(whole);
  };
  const write = (value: number): void => {
    const large = chance.below(4) !== 0;
    const at = chance.below(large ? 24 : 10) * (large ? 170 : 1);
    both(({ state, memory }) => {
      const bytes = large ? state.large : state.small;
      memory.touch((large ? 64 : 64 + 4160 + 64) + at, 1);
      bytes[at] = value;
    });
  };
  for (let round = 0; round < 200; round++) {
    both(({ memory }) => memory.restore());
    for (let i = chance.below(6); i > 0; i--) write(chance.below(256));
    both(({ memory }) => memory.keep());
    expect(sparse.memory.changed()).toBe(-1);
    for (let i = chance.below(6); i > 0; i--) write(chance.below(256));
    expect(sparse.memory.changed()).toBe(whole.memory.changed());
    both(({ memory }) => memory.putBack());
    expect(sparse.memory.changed()).toBe(-1);
    expect(sparse.state).toEqual(whole.state);
  }
});

test('what nobody has told of is noticed, and put back at the next start', () => {
  const { state, memory } = memories();
  memory.whole = false;
  memory.restore();
  memory.keep();
  state.large[4098] = 99;
  expect(memory.changed()).toBe(64 + 4098);
  memory.restore();
  expect(state.large[4098]).toBe((4098 * 7) & 255);
  expect(memory.changed()).toBe(-1);
});

test('a `finally` that writes where no thread does leaves each schedule its own memory', () => {
  const WORDS = 4000;
  const result = explore<Int32Array>(
    {
      name: 'writes-at-the-end',
      words: WORDS,
      threads: {
        a: (s) => void Atomics.add(s, 5, 1),
        b: (s) => void Atomics.add(s, 5, 1),
        c: (s) => void Atomics.load(s, 3000),
      },
      finally: (s) => {
        expect(s[5]).toBe(2);
        expect(Atomics.add(s, 3000, 1)).toBe(0);
        expect(s[3999]).toBe(0);
        s[3999] = 1;
      },
    },
    { strategy: 'dfs' },
  );
  expect(result).toMatchObject({ verdict: 'pass', exhausted: true, schedules: 6 });
  expect(result.coverage.statement).not.toMatch('without Atomics');
});

test('a thread that writes one word of a large memory without Atomics is noticed', () => {
  const result = explore<Int32Array>(
    {
      name: 'writes-plainly',
      words: 4000,
      threads: {
        a: (s) => {
          Atomics.add(s, 5, 1);
          s[3998] = 1;
          Atomics.add(s, 5, 1);
        },
        b: (s) => {
          if (Atomics.load(s, 5) === 1 && s[3998] === 1) throw new Error('between');
        },
      },
    },
    { strategy: 'dfs' },
  );
  expect(result.coverage.statement).toMatch('without Atomics');
  expect(result.failure?.message).toMatch('between');
});
