import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as slots from '../../src/memory/slots.ts';
import { add, load, replace, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof slots;
type Table = InstanceType<Module['Slots']>;
type Handle = slots.Handle;
const { NO_HANDLE, slotOf, slotsWords } = slots;

const mutated = (mistake: MistakeName) => loadMutated<{ m: Module }>({ m: 'memory/slots.ts' }, mistake).m;
const make = (count: number, module: Module = slots) => {
  const words = new Int32Array(new SharedArrayBuffer(Math.max(1, slotsWords(count)) * 4));
  const table = new module.Slots(words, { at: 0, words: slotsWords(count) }, 'thing');
  table.init();
  return { words, table };
};

describe('a table of slots', () => {
  test('hands out every slot once, lowest first, and then none', () => {
    const { table } = make(3);
    expect([table.take(), table.take(), table.take()].map(slotOf)).toEqual([1, 2, 3]);
    expect(table.tryTake()).toBe(NO_HANDLE);
    expect(() => table.take()).toThrow(expect.objectContaining({ code: 'ERR_SLOTS_FULL' }));
    expect(make(0).table.tryTake()).toBe(NO_HANDLE);
  });

  test('uses a slot again at once, under another handle', () => {
    const { table } = make(3);
    const first = table.take();
    table.retire(first);
    const second = table.take();
    expect(slotOf(second)).toBe(slotOf(first));
    expect(second).not.toBe(first);
    expect([table.isLive(first), table.isLive(second), table.isLive(NO_HANDLE)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(table.use(second)).toBe(1);
    expect(table.handleOf(1)).toBe(second);
  });

  test('finds a handle that outlived its slot, and says so', () => {
    const { table } = make(1);
    const handle = table.take();
    table.retire(handle);
    const stale = expect.objectContaining({
      code: 'ERR_HANDLE_STALE',
      message: 'thing slot 1 was used through generation 1, but is at 2',
    });
    expect(() => table.retire(handle)).toThrow(stale);
    expect(() => table.use(handle)).toThrow(stale);
    // A slot that was freed twice would be handed out twice.
    expect(slotOf(table.take())).toBe(1);
    expect(table.tryTake()).toBe(NO_HANDLE);
  });

  test('goes on past the last generation, and past the last tag of its list', () => {
    const { words, table } = make(2);
    // The generation of slot 1, behind the list's head and two links.
    store(words, 18, 0x7fff);
    const last = table.take();
    expect(last).toBeGreaterThan(0);
    table.retire(last);
    expect(table.take() >>> 16).toBe(1);
    const { words: others, table: other } = make(2);
    store(others, 0, 0x7fff_0000 | 1);
    for (let n = 0; n < 4; n++) other.retire(other.take());
    expect([other.take(), other.take()].map(slotOf).sort()).toEqual([1, 2]);
    store(others, 0, -0x1_0000);
    expect(other.tryTake()).toBe(NO_HANDLE);
  });

  test('has room for as many slots as a handle can name', () => {
    const { table } = make(slots.MOST_SLOTS);
    let taken = 0;
    let last: Handle = NO_HANDLE;
    for (let handle = table.tryTake(); handle !== NO_HANDLE; handle = table.tryTake(), taken++) last = handle;
    expect(taken).toBe(65_535);
    expect(slotOf(last)).toBe(65_535);
    table.retire(last);
    expect(slotOf(table.take())).toBe(65_535);
  });
});

/** Takes and retires, in any order, of handles new and old; compared with a plain stack. */
function agreesWithPlainOne(module: Module): void {
  const step = fc.oneof(fc.constant(-1), fc.nat({ max: 30 }));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5 }), fc.array(step, { maxLength: 60 }), (count, steps) => {
      const { table } = make(count, module);
      const free = Array.from({ length: count }, (_, i) => count - i);
      const all: Handle[] = [];
      const live = new Set<Handle>();
      for (const each of steps) {
        if (each === -1) {
          const handle = table.tryTake();
          expect(slotOf(handle)).toBe(free.pop() ?? 0);
          if (handle === NO_HANDLE) continue;
          expect(live.has(handle)).toBe(false);
          all.push(handle);
          live.add(handle);
          continue;
        }
        const handle = all[each % Math.max(1, all.length)];
        if (handle === undefined) continue;
        expect(table.isLive(handle)).toBe(live.has(handle));
        if (live.delete(handle)) {
          table.retire(handle);
          free.push(slotOf(handle));
        } else expect(() => table.retire(handle)).toThrow('was used through generation');
      }
    }),
    { numRuns: 500, seed: 7 },
  );
}

describe('any sequence of takes and retirements does what a plain stack would do', () => {
  test('with handles new and old', () => agreesWithPlainOne(slots));

  test.each([
    'retired-in-one-step: the generation stands still',
    'freed-slot-leads-on: to nothing',
    'slot-freed-in-one-step: the list ends there',
  ] as const)('the check fails with %s', (mistake) => {
    const module = mutated(mistake);
    expect(() => agreesWithPlainOne(module)).toThrow();
  });
});

const COUNT = 3;
const OWNERS = slotsWords(COUNT);

/** Marks a slot as one's own: two owners of one slot are found at once. */
function own(words: Words, handle: Handle): void {
  expect(replace(words, OWNERS + slotOf(handle), 0, 1)).toBe(true);
}

function giveBack(words: Words, table: Table, handle: Handle): void {
  store(words, OWNERS + slotOf(handle), 0);
  table.retire(handle);
}

type Body = (words: Words, table: Table) => void;
const takeOne: Body = (words, table) => {
  const handle = table.tryTake();
  if (handle !== NO_HANDLE) own(words, handle);
};
const takeAndReturn: Body = (words, table) => {
  const handle = table.take();
  own(words, handle);
  giveBack(words, table, handle);
};
/** Takes two and returns the first: the head of the free list is again what it was, and what follows it is not. */
const takeTwoReturnOne: Body = (words, table) => {
  const first = table.tryTake();
  if (first === NO_HANDLE) return;
  own(words, first);
  const second = table.tryTake();
  if (second !== NO_HANDLE) own(words, second);
  giveBack(words, table, first);
};

function scenario(module: Module, bodies: Readonly<Record<string, Body>>, free = COUNT): Scenario<Words> {
  const view = (words: Words) => new module.Slots(words, { at: 0, words: slotsWords(COUNT) }, 'thing');
  return {
    name: 'slots',
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer((OWNERS + 16) * 4));
      view(words).init();
      for (let n = free; n < COUNT; n++) view(words).take();
      return words;
    },
    threads: Object.fromEntries(
      Object.entries(bodies).map(([name, body]) => [name, (words: Words) => body(words, view(words))]),
    ),
    finally: (words) => {
      // Every slot has one owner, or is free; those left on the list are handed out once each.
      const table = view(words);
      for (let handle = table.tryTake(); handle !== NO_HANDLE; handle = table.tryTake()) own(words, handle);
      let owned = COUNT - free;
      for (let slot = 1; slot <= COUNT; slot++) owned += words[OWNERS + slot] ?? 0;
      expect(owned).toBe(COUNT);
    },
  };
}

describe('a slot has one owner', () => {
  test.each([
    { title: 'two takers of the last slot', bodies: { a: takeOne, b: takeOne }, free: 1 },
    { title: 'take and return, twice', bodies: { a: takeAndReturn, b: takeAndReturn } },
    { title: 'take, retire and take again behind a taker', bodies: { a: takeOne, b: takeTwoReturnOne } },
    { title: 'the same on both sides', bodies: { a: takeTwoReturnOne, b: takeAndReturn } },
  ])('whatever the order: $title', ({ bodies, free }) => {
    expect(passesEvery(scenario(slots, bodies, free)).schedules).toBeGreaterThan(2);
  });

  test('not so without a tag on the free list', () => {
    isCaught(scenario(mutated('head-has-a-tag: untagged'), { a: takeOne, b: takeTwoReturnOne }), 'assertion');
  });

  test('not so where a slot is taken in two steps', () => {
    const module = mutated('slot-taken-in-one-step: in two steps');
    isCaught(scenario(module, { a: takeOne, b: takeOne }, 1), 'assertion');
  });

  test('not so where a slot is returned in two steps', () => {
    const module = mutated('slot-freed-in-one-step: in two steps');
    isCaught(scenario(module, { a: takeAndReturn, b: takeAndReturn }), 'assertion');
  });

  /** Two threads with the same handle: one ends its life, the other must hear that it is over. */
  const bothRetire = (module: Module): Scenario<Words> => {
    const view = (words: Words) => new module.Slots(words, { at: 0, words: slotsWords(COUNT) }, 'thing');
    const HANDLE = OWNERS + 8;
    const STALE = OWNERS + 9;
    const retire = (words: Words) => {
      try {
        view(words).retire(load(words, HANDLE) as Handle);
      } catch (error) {
        if (!(error instanceof Error && error.message.includes('generation'))) throw error;
        add(words, STALE, 1);
      }
    };
    return {
      name: 'retire-twice',
      setup: () => {
        const words = new Int32Array(new SharedArrayBuffer((OWNERS + 16) * 4));
        view(words).init();
        store(words, HANDLE, view(words).take());
        return words;
      },
      threads: { a: retire, b: retire },
      finally: (words) => {
        expect(words[STALE]).toBe(1);
        const table = view(words);
        expect([table.take(), table.take(), table.take()].map(slotOf).sort()).toEqual([1, 2, 3]);
        expect(table.tryTake()).toBe(NO_HANDLE);
      },
    };
  };

  test('in any order, of two threads that retire the same handle exactly one is told', () => {
    passesEvery(bothRetire(slots));
  });

  test('not so where the generation is looked at and then moved on', () => {
    const module = mutated('retired-in-one-step: in two steps');
    isCaught(bothRetire(module), ['assertion', 'exception']);
  });
});
