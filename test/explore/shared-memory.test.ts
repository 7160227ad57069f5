import { expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { SharedMemory } from '../../src/explore/memory/shared-memory.ts';
import { Point, STORE } from '../../src/explore/running/operation.ts';
import { Restart } from '../../src/explore/running/restart.ts';
import { explore } from '../../src/explore/search/explore.ts';

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

/** A write of some bytes as a thread's operation, through a view of one kind. */
function store(
  bytes: Uint8Array,
  memory: SharedMemory,
  Kind: typeof Uint8Array | typeof Uint16Array,
  at: number,
  value: number,
): void {
  const view = new Kind(
    bytes.buffer as ArrayBuffer,
    0,
    Math.floor(bytes.byteLength / Kind.BYTES_PER_ELEMENT),
  );
  const index = Math.floor(at / Kind.BYTES_PER_ELEMENT);
  const address = memory.locate(view) + index * Kind.BYTES_PER_ELEMENT;
  memory.touch(address, Kind.BYTES_PER_ELEMENT);
  memory.execute(new Point(STORE, view, index, value, undefined, address));
}

test.each(['searchFast', 'searchExactly'] as const)(
  '%s puts back what operations have written, and takes back what came after a mark',
  (mode) => {
    const { state, memory } = memories();
    const now = (): string => Buffer.concat([state.large, state.small]).toString('latin1');
    const fresh = now();
    memory[mode]();
    const chance = new Chance(7);
    chance.begin(0);
    const write = (): void => {
      const bytes = chance.below(4) !== 0 ? state.large : state.small;
      const Kind = chance.below(2) === 0 ? Uint8Array : Uint16Array;
      store(bytes, memory, Kind, chance.below(bytes.length - 1), chance.below(256));
    };
    for (let round = 0; round < 200; round++) {
      memory.restore();
      expect(now() === fresh).toBe(true);
      for (let i = chance.below(6); i > 0; i--) write();
      const kept = now();
      memory.keep();
      expect(memory.changed()).toBe(-1);
      if (mode === 'searchFast') for (let i = chance.below(6); i > 0; i--) write();
      else for (let i = chance.below(6); i > 0; i--) state.large[chance.below(4099)] = 1;
      memory.putBack();
      expect(memory.changed()).toBe(-1);
      expect(now() === kept).toBe(true);
    }
  },
);

test('the memory is what it was at each time of the schedule, unseen writes and all', () => {
  const { state, memory } = memories();
  memory.searchExactly();
  const chance = new Chance(11);
  for (let round = 0; round < 50; round++) {
    chance.begin(round);
    memory.restore();
    const now = (): string => Buffer.concat([state.large, state.small]).toString('latin1');
    const times: { position: number; bytes: string }[] = [];
    for (let i = 0; i < 8; i++) {
      const bytes = chance.below(3) !== 0 ? state.large : state.small;
      const at = chance.below(bytes.length);
      if (chance.below(2) === 0) store(bytes, memory, Uint8Array, at, chance.below(256));
      else {
        bytes[at] = chance.below(256);
        memory.absorb();
      }
      times.push({ position: memory.position, bytes: now() });
    }
    for (let i = 0; i < 20; i++) {
      const time = times[chance.below(times.length)];
      memory.travel(time?.position ?? 0);
      expect(now() === time?.bytes).toBe(true);
    }
  }
});

test('an unseen write is noticed, and put back at the next start', () => {
  const { state, memory } = memories();
  memory.searchFast();
  memory.restore();
  memory.keep();
  state.large[4098] = 99;
  expect(memory.changed()).toBe(64 + 4098);
  memory.restore();
  expect(state.large[4098]).toBe((4098 * 7) & 255);
  memory.keep();
  expect(memory.changed()).toBe(-1);
});

test('an unseen write to a word that an operation has written is noticed', () => {
  const { state, memory } = memories();
  memory.searchFast();
  memory.restore();
  store(state.large, memory, Uint8Array, 4000, 1);
  memory.keep();
  state.large[4000] = 2;
  expect(memory.changed()).toBe(64 + 4000);
});

test('an unseen write that a late look finds makes the search start over, and each schedule be looked at', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(1 << 20));
  const memory = new SharedMemory({ bytes }, []);
  memory.markFresh();
  memory.searchFast();
  memory.restore();
  const look = (): void => {
    memory.restore();
    memory.keep();
    memory.changed();
  };
  for (let i = 0; i < 20; i++) look();
  bytes[777_777] = 1;
  expect(() => memory.lookAtLast()).toThrow(Restart);
  expect(memory.alwaysLooks).toBe(true);
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
  expect(result.coverage.statement).not.toMatch('plain accesses');
});

test('a thread that writes one word of a large memory unseen is noticed', () => {
  const result = explore<Int32Array>(
    {
      name: 'writes-plainly',
      words: 4000,
      threads: {
        a: (s) => {
          Atomics.add(s, 5, 1);
          new Int32Array(s.buffer)[3998] = 1;
          Atomics.add(s, 5, 1);
        },
        b: (s) => {
          if (Atomics.load(s, 5) === 1 && new Int32Array(s.buffer)[3998] === 1) throw new Error('between');
        },
      },
    },
    { strategy: 'dfs' },
  );
  expect(result.coverage.statement).toMatch('plain accesses');
  expect(result.failure?.message).toMatch('between');
});

test('more shared memory than addresses have room for is refused, with how much there may be', () => {
  const threads = { a: (w: Int32Array) => void Atomics.add(w, 0, 1) };
  const large = { name: 'large', setup: () => new Int32Array(new SharedArrayBuffer(2 ** 31)), threads };
  expect(() => explore(large)).toThrow(
    /shares a buffer of 2048 MiB; all of its shared memory may have 1024 MiB/,
  );
});
