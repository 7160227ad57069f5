import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import { countOperations } from '../../src/memory/operation-count.ts';
import * as summary from '../../src/memory/summary-bitmap.ts';
import { add, load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof summary;
const { summaryBitmapWords } = summary;

const mutated = (mistake: MistakeName) =>
  loadMutated<{ m: Module }>({ m: 'memory/summary-bitmap.ts' }, mistake).m;
const make = (bits: number, module: Module = summary) => {
  const words = new Int32Array(new SharedArrayBuffer(summaryBitmapWords(bits) * 4));
  return { words, bitmap: new module.SummaryBitmap(words, { at: 0, words: words.length }, bits) };
};

describe('a bitmap with a summary', () => {
  test('is not much larger than its bits', () => {
    expect(summaryBitmapWords(65_536)).toBeLessThan(2048 * 1.1);
  });

  test('says which caller set a bit and which took it', () => {
    const { bitmap } = make(100);
    expect([bitmap.set(99), bitmap.set(99), bitmap.has(99)]).toEqual([true, false, true]);
    expect([bitmap.claim(99), bitmap.claim(99), bitmap.has(99)]).toEqual([true, false, false]);
    expect(bitmap.next(0)).toBe(-1);
  });

  test('finds one bit among 65,536 without walking over them', () => {
    const { bitmap } = make(65_536);
    bitmap.set(65_535);
    expect(bitmap.next(0)).toBe(65_535);
    expect(bitmap.next(65_535)).toBe(65_535);
    expect(bitmap.claim(65_535)).toBe(true);
    expect(bitmap.next(0)).toBe(-1);
    expect(countOperations(() => bitmap.next(0)).loads).toBeLessThan(10);
    bitmap.set(65_535);
    expect(countOperations(() => bitmap.next(0)).loads).toBeLessThan(10);
  });

  test('is left with one summary bit too many at most', () => {
    const { bitmap } = make(65_536);
    for (const bit of [7, 5000, 60_000]) {
      bitmap.set(bit);
      bitmap.claim(bit);
    }
    expect(bitmap.next(0)).toBe(-1);
    // What comes again in the word that was spared passes one cache line; elsewhere the summaries are written anew.
    expect(countOperations(() => bitmap.set(7)).updates).toBe(1);
    expect(countOperations(() => bitmap.set(5000)).updates).toBeGreaterThan(1);
    expect(countOperations(() => bitmap.set(60_000)).updates).toBeGreaterThan(1);
  });

  test('passes over a bit that does not count', () => {
    const { bitmap } = make(100);
    for (const bit of [31, 32, 99]) bitmap.set(bit);
    expect([bitmap.next(0, 31), bitmap.next(32, 32), bitmap.next(33, 99), bitmap.next(0, 50)]).toEqual([
      32, 99, -1, 31,
    ]);
  });
});

const lowest = (bits: readonly number[]): number => (bits.length === 0 ? -1 : Math.min(...bits));

/** Any calls, beside a Set of numbers; the bitmap is large enough for several words at the top. */
function agreesWithSet(module: Module): void {
  const most = 70_000;
  const near = fc.constantFrom(0, 31, 32, 1023, 1024, 32_767, 32_768, 65_535, 65_536, most - 1);
  const bit = fc.oneof(fc.nat({ max: most - 1 }), near, fc.nat({ max: 70 }));
  const step = fc.tuple(fc.constantFrom('set', 'claim', 'has', 'next'), bit);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { bitmap } = make(most, module);
      const plain = new Set<number>();
      for (const [op, at] of steps) {
        if (op === 'set') expect(bitmap.set(at)).toBe(!plain.has(at) && plain.add(at).has(at));
        else if (op === 'claim') expect(bitmap.claim(at)).toBe(plain.delete(at));
        else if (op === 'has') expect(bitmap.has(at)).toBe(plain.has(at));
        else expect(bitmap.next(at)).toBe(lowest([...plain].filter((each) => each >= at)));
      }
      const found: number[] = [];
      for (let at = bitmap.next(0); at >= 0 && found.length <= plain.size; at = bitmap.next(at + 1))
        found.push(at);
      expect(found).toEqual([...plain].sort((a, b) => a - b));
    }),
    { numRuns: 300, seed: 3 },
  );
}

describe('any sequence of calls does what a set of numbers would do', () => {
  test('with bits on both sides of every border', () => agreesWithSet(summary));

  test.each([
    'later-summaries-have-no-mask: masked too',
    'words-before-search-are-masked: of every summary',
    'bits-before-search-are-masked: not left out',
    'top-covers-summary: not covered',
    'set-covers-its-bit: not covered',
  ] as const)('the check fails with %s', (mistake) => {
    const module = mutated(mistake);
    expect(() => agreesWithSet(module)).toThrow();
  });
});

/** Bits of one word, of two words below one summary word, and of two summary words. */
const PLACES = { 'one word': [65, 66], 'two words': [65, 104], 'two summary words': [65, 1100] } as const;
const BITS = 4096;
const ELSEWHERE = 1;
const TAKEN = summaryBitmapWords(BITS);
const DONE = TAKEN + 1;

type Setup = {
  readonly bits: readonly number[];
  readonly looks: number;
  readonly before?: readonly number[];
};

/**
 * A setter for each bit; the consumer looks some times, and takes what it finds. What it has not taken it must find in
 * the end; and what a setter has finished setting, it must find at its next look.
 */
function scenario(module: Module, { bits, looks, before = [] }: Setup): Scenario<Words> {
  const region = { at: 0, words: TAKEN };
  const view = (words: Words) => new module.SummaryBitmap(words, region, BITS);
  const consume = (words: Words): void => {
    const bitmap = view(words);
    const finished = load(words, DONE) - load(words, TAKEN);
    const found = bitmap.next(0);
    if (found < 0) expect(finished).toBeLessThanOrEqual(0);
    else if (bitmap.claim(found)) add(words, TAKEN, 1);
  };
  return {
    name: 'summary-bitmap',
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer((DONE + 16) * 4));
      // Set and taken before: summary bits stand, as the search has not been there yet. It will leave the first of them alone.
      for (const bit of [...before, ...(before.length > 0 ? [ELSEWHERE] : [])]) {
        view(words).set(bit);
        view(words).claim(bit);
      }
      return words;
    },
    threads: {
      consumer: (words) => {
        for (let look = 0; look < looks; look++) consume(words);
      },
      ...Object.fromEntries(
        bits.map((bit, n) => [
          `setter${n}`,
          (words: Words) => {
            view(words).set(bit);
            add(words, DONE, 1);
          },
        ]),
      ),
    },
    finally: (words) => {
      for (let n = 0; n < bits.length; n++) consume(words);
      expect(load(words, TAKEN)).toBe(new Set(bits).size);
      expect(view(words).next(0)).toBe(-1);
    },
  };
}

describe('nothing that was set is missed by the consumer', () => {
  test.each(Object.entries(PLACES))('whatever the order: two setters in %s', (_, bits) => {
    expect(passesEvery(scenario(summary, { bits, looks: 1, before: bits })).schedules).toBeGreaterThan(20);
  });

  test('whatever the order: a setter against two looks, the summaries empty or stale', () => {
    expect(passesEvery(scenario(summary, { bits: [65], looks: 2 })).schedules).toBeGreaterThan(4);
    expect(passesEvery(scenario(summary, { bits: [65], looks: 2, before: [65] })).schedules).toBeGreaterThan(
      20,
    );
  });

  /** Two set the same bit: the one that came second may not return before the consumer can find it. */
  const same = (module: Module): Scenario<Words> => {
    const view = (words: Words) => new module.SummaryBitmap(words, { at: 0, words: TAKEN }, BITS);
    return {
      name: 'set-the-same',
      words: DONE + 1,
      threads: {
        first: (words) => void view(words).set(5),
        second: (words) => {
          view(words).set(5);
          store(words, DONE, 1);
        },
        consumer: (words) => {
          if (load(words, DONE) === 1) expect(view(words).next(0)).toBe(5);
        },
      },
    };
  };

  test('whatever the order: two setters of one bit', () => {
    expect(passesEvery(same(summary)).schedules).toBeGreaterThan(20);
  });

  test('not so where only the thread that added a bit covers it', () => {
    isCaught(same(mutated('set-covers-its-bit: only a bit that was added')), 'assertion');
  });

  test.each([
    {
      title: 'a search that prunes without another look',
      mistake: 'prune-looks-again: no look',
      // The first is found by the very search that prunes.
      bits: [65, 66],
    },
    {
      title: 'a search that looks again before it prunes',
      mistake: 'prune-clears-before-look: looks first',
      bits: [65],
    },
    {
      title: 'a setter that covers its bit before it sets it',
      mistake: 'set-covers-its-bit: before the bit is set',
      bits: [65],
    },
    {
      title: 'a setter that covers the top first',
      mistake: 'top-covers-summary: set first',
      bits: [1100],
    },
  ] as const)('not so with $title', ({ mistake, bits }) => {
    isCaught(scenario(mutated(mistake), { bits, looks: 2, before: bits }), 'assertion');
  });
});
