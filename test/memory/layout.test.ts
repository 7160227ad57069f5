import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENT_COUNT } from '../../src/memory/event-count.ts';
import * as layouts from '../../src/memory/layout.ts';
import { MUTEX } from '../../src/memory/mutex.ts';
import { READERS, readersWords } from '../../src/memory/readers.ts';
import { loadMutated } from '../mutate.ts';

const { LINE, Layout } = layouts;

describe('a layout', () => {
  test('gives each region cache lines of its own, in the order asked for', () => {
    const layout = new Layout();
    expect(layout.region('one', 1)).toEqual({ at: 0, words: 1 });
    expect(layout.region('seventeen', 17)).toEqual({ at: 16, words: 17 });
    expect(layout.region('none', 0)).toEqual({ at: 48, words: 0 });
    expect(layout.region('last', 16)).toEqual({ at: 48, words: 16 });
    expect(layout.words).toBe(64);
  });

  test('can begin within a region of another', () => {
    const inner = new Layout(32);
    expect(inner.region('a', 2)).toEqual({ at: 32, words: 2 });
    expect([inner.nameOf(33), inner.nameOf(31), inner.words]).toEqual(['a[1]', 'word[31]', 48]);
  });

  test('names words as people call them', () => {
    const layout = new Layout();
    layout.region('gap', 3);
    layout.group('its0', { lock: 1, registers: 4 });
    const ite = layout.records('ite', 3, ['key', 'lpi']);
    expect(ite).toEqual({ at: 48, words: 6, stride: 2, count: 3 });
    expect([0, 2, 3, 16, 17, 35].map((at) => layout.nameOf(at))).toEqual([
      'gap[0]',
      'gap[2]',
      'word[3]',
      'its0.lock',
      'word[17]',
      'its0.registers[3]',
    ]);
    expect([48, 49, 53, 54, 1000, -1].map((at) => layout.nameOf(at))).toEqual([
      'ite0.key',
      'ite0.lpi',
      'ite2.lpi',
      'word[54]',
      'word[1000]',
      'word[-1]',
    ]);
    expect([...layout.regions()].map(([name]) => name)).toEqual([
      'gap',
      'its0.lock',
      'its0.registers',
      'ite',
    ]);
  });
});

describe('a region of a kind', () => {
  const layout = new Layout();
  const bell = layout.place('main.bell', EVENT_COUNT);
  const { lock } = layout.group('its0', { lock: MUTEX, registers: 4 });
  const readers = layout.region('readers', readersWords(2), READERS);
  const plain = layout.region('plain', 3);

  test('has as many words as its kind, on lines of its own', () => {
    expect([bell.words, lock.words, readers.words]).toEqual([2 * LINE, 1, 3 * LINE]);
  });

  test('has its words named by its kind, and by their offset where the kind has no name for them', () => {
    const names = [
      bell.at,
      bell.at + LINE,
      bell.at + 1,
      lock.at,
      readers.at,
      readers.at + 2 * LINE,
      plain.at,
    ];
    expect(names.map((at) => layout.nameOf(at))).toEqual([
      'main.bell.count',
      'main.bell.sleepers',
      'main.bell[1]',
      'its0.lock',
      'readers.waiting',
      'readers.thread1',
      'plain[0]',
    ]);
  });

  test('is found by its kind', () => {
    expect(layout.ofKind(MUTEX)).toEqual([lock]);
    expect([...layout.regions()].map(([name, , kind]) => `${name}: ${kind.name}`)).toEqual([
      'main.bell: event count',
      'its0.lock: mutex',
      'its0.registers: plain',
      'readers: readers',
      'plain: plain',
    ]);
  });

  test('loses what belonged to threads when it is restored, and nothing else', () => {
    const words = new Int32Array(new SharedArrayBuffer(4 * layout.words)).fill(1);
    for (const [, region, kind] of layout.regions()) kind.restored?.(words, region);
    const kept = [bell.at, plain.at, plain.at + 2];
    const gone = [bell.at + LINE, lock.at, readers.at, readers.at + LINE];
    expect([kept, gone].map((at) => at.map((word) => words[word]))).toEqual([
      [1, 1, 1],
      [0, 0, 0, 0],
    ]);
  });
});

/** Regions of any size: none touches a line of another, and each word has the name of the region that it is in. */
function keepsApart({ Layout }: typeof layouts): void {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 12 }), (sizes) => {
      const layout = new Layout();
      const regions = sizes.map((size, n) => layout.region(`r${n}`, size));
      const lines = regions.flatMap(({ at, words }) => [
        ...new Set(Array.from({ length: words }, (_, i) => Math.floor((at + i) / LINE))),
      ]);
      expect(new Set(lines).size).toBe(lines.length);
      for (const [n, { at, words }] of regions.entries()) {
        expect(layout.nameOf(at)).toBe(words === 1 ? `r${n}` : `r${n}[0]`);
        expect(layout.nameOf(at + words - 1)).toBe(words === 1 ? `r${n}` : `r${n}[${words - 1}]`);
        if (words % LINE !== 0) expect(layout.nameOf(at + words)).toBe(`word[${at + words}]`);
        expect(at + words).toBeLessThanOrEqual(layout.words);
      }
    }),
    { seed: 1 },
  );
}

describe('regions of any size', () => {
  test('are kept apart, and named', () => keepsApart(layouts));

  test.each([
    'region-ends-on-line: at its last word',
    'region-begins-with-word: the second',
    'region-ends-before-next: one more',
  ] as const)('the check fails with %s', (mistake) => {
    const { m } = loadMutated<{ m: typeof layouts }>({ m: 'memory/layout.ts' }, mistake);
    expect(() => keepsApart(m)).toThrow();
  });
});
