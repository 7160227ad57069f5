import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as bitmap from '../../src/memory/bitmap.ts';
import { add, load, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof bitmap;
type Bits = InstanceType<Module['Bitmap']>;
const { Bitmap } = bitmap;
const REGION = { at: 16, words: 3 };
const MOST = 96;

const mutated = (mistake: MistakeName) => loadMutated<{ m: Module }>({ m: 'memory/bitmap.ts' }, mistake).m;
const fresh = () => new Int32Array(new SharedArrayBuffer(256));

describe('a bitmap', () => {
  test('says which caller set a bit and which took it', () => {
    const bits = new Bitmap(fresh(), REGION);
    expect([bits.set(31), bits.set(31), bits.has(31), bits.has(30)]).toEqual([true, false, true, false]);
    expect([bits.claim(31), bits.claim(31), bits.has(31)]).toEqual([true, false, false]);
  });

  test('stays within its region', () => {
    const words = fresh().fill(-1);
    const bits = new Bitmap(words, REGION);
    for (let bit = 0; bit < MOST; bit++) bits.claim(bit);
    expect(bits.next(0)).toBe(-1);
    expect(Array.from(words.subarray(15, 20))).toEqual([-1, 0, 0, 0, -1]);
    expect(bits.next(MOST)).toBe(-1);
  });
});

const lowest = (bits: readonly number[]): number => (bits.length === 0 ? -1 : Math.min(...bits));

/** Any calls, beside a Set of numbers. */
function agreesWithSet(make: (words: Words) => Bits): void {
  const bit = fc.oneof(fc.nat({ max: MOST - 1 }), fc.constantFrom(0, 31, 32, 63, 64, MOST - 1));
  const step = fc.tuple(fc.constantFrom('set', 'claim', 'has', 'next'), bit);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const real = make(fresh());
      const plain = new Set<number>();
      for (const [op, at] of steps) {
        if (op === 'set') expect(real.set(at)).toBe(!plain.has(at) && plain.add(at).has(at));
        else if (op === 'claim') expect(real.claim(at)).toBe(plain.delete(at));
        else if (op === 'has') expect(real.has(at)).toBe(plain.has(at));
        else expect(real.next(at)).toBe(lowest([...plain].filter((each) => each >= at)));
      }
    }),
    { numRuns: 300, seed: 3 },
  );
}

describe('any sequence of calls does what a set of numbers would do', () => {
  test('with bits all over three words', () => agreesWithSet((words) => new Bitmap(words, REGION)));

  test.each([
    'later-words-have-no-mask: masked too',
    'search-begins-at-bit: at the word',
    'claim-tells-the-winner: not of bit 31',
  ] as const)('the check fails with %s', (mistake) => {
    const module = mutated(mistake);
    expect(() => agreesWithSet((words) => new module.Bitmap(words, REGION))).toThrow();
  });
});

const WON = 0;
const LOST = 1;

/** Setters and claimers in one word: every bit that was added is taken by exactly one, or is still there. */
function scenario(module: Module, setters: number, claimers: number): Scenario<Words> {
  const view = (words: Words) => new module.Bitmap(words, REGION);
  const count = <T>(n: number, make: (i: number) => T) => Array.from({ length: n }, (_, i) => make(i));
  const set = (words: Words, bit: number) => {
    if (view(words).set(bit)) add(words, WON, 1);
  };
  const claim = (words: Words, bit: number) => {
    if (view(words).claim(bit)) add(words, LOST, 1);
  };
  const both = (words: Words, n: number, act: (words: Words, bit: number) => void) => {
    act(words, 7);
    act(words, n);
  };
  return {
    name: 'bitmap',
    words: 64,
    threads: Object.fromEntries([
      // All of them at bit 7, and each at one of its own in the same word.
      ...count(setters, (n) => [`setter${n}`, (words: Words) => both(words, n, set)] as const),
      ...count(claimers, (n) => [`claimer${n}`, (words: Words) => both(words, n, claim)] as const),
    ]),
    finally: (words) => {
      const bits = view(words);
      let left = 0;
      for (let bit = bits.next(0); bit >= 0; bit = bits.next(bit + 1)) left++;
      expect(load(words, WON)).toBe(load(words, LOST) + left);
    },
  };
}

describe('of racing calls one wins, and no other bit is touched', () => {
  test.each([
    [2, 1],
    [1, 2],
  ])('whatever the order: %i setters, %i claimers', (setters, claimers) => {
    expect(passesEvery(scenario(bitmap, setters, claimers)).schedules).toBeGreaterThan(100);
  });

  test.each([
    'set-bits-in-one-step: load and store',
    'clear-bits-in-one-step: load and store',
    'clear-bits-in-one-step: says what the look saw',
    'set-bits-in-one-step: says what the look saw',
  ] as const)('not so with %s', (mistake) => {
    isCaught(scenario(mutated(mistake), 2, 2), 'assertion');
  });
});
