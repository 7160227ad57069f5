import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as readers from '../../src/memory/readers.ts';
import { exchange, load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof readers;
const { Readers, readersWords } = readers;

const mutated = (mistake: MistakeName) => loadMutated<{ m: Module }>({ m: 'memory/readers.ts' }, mistake).m;

describe('reader sections', () => {
  const make = (threads: number) => {
    const words = new Int32Array(new SharedArrayBuffer(readersWords(threads) * 4));
    const sections = new Readers(words, { at: 0, words: readersWords(threads) });
    return { words, sections };
  };

  test('cost a writer no wait while no reader is inside', () => {
    const { sections } = make(3);
    sections.synchronize(1);
    sections.enter(1);
    sections.leave(1);
    sections.synchronize(1);
  });

  test('hold a writer up until they end, and name the one that does not', () => {
    const { words, sections } = make(3);
    sections.enter(2);
    expect(() => sections.synchronize(1)).toThrow(
      expect.objectContaining({ code: 'ERR_GRACE_TIMEOUT', message: expect.stringContaining('reader 2') }),
    );
    // A writer that gave up no longer counts as waiting.
    expect(load(words, 0)).toBe(0);
    sections.abandon(2);
    sections.synchronize(1);
  });

  test('are ended for a thread that died in one, and left alone where it died outside', () => {
    const { sections } = make(2);
    sections.enter(1);
    sections.abandon(1);
    sections.abandon(1);
    sections.synchronize(1);
    sections.enter(1);
    expect(() => sections.synchronize(1)).toThrow('reader 1 did not leave');
  });

  test('go on past the end of the count', () => {
    const { words, sections } = make(1);
    for (const count of [-2, 0x7fff_fffe]) {
      store(words, 16, count);
      sections.enter(0);
      expect(() => sections.synchronize(1)).toThrow('did not leave');
      sections.leave(0);
      sections.synchronize(1);
    }
  });
});

const THREADS = 2;
const CURRENT = readersWords(THREADS);
const DATA = CURRENT + 16;
const LIVE = 1;
const GONE = 2;

type Sizes = { readonly readers: number; readonly writers: number; readonly sections?: number };

/**
 * The current thing is one of several; a writer puts a new one in its place, waits, and destroys the old one. A reader
 * must never see what it found destroyed while it is inside.
 */
function scenario({ Readers, readersWords }: Module, sizes: Sizes): Scenario<Words> {
  const { sections = 1 } = sizes;
  const view = (words: Words) => new Readers(words, { at: 0, words: readersWords(THREADS) });
  const writer = (mine: number) => (words: Words) => {
    const old = exchange(words, CURRENT, mine);
    view(words).synchronize();
    store(words, DATA + old, GONE);
  };
  const reader = (number: number) => (words: Words) => {
    const each = view(words);
    for (let n = 0; n < sections; n++) {
      each.enter(number);
      const found = load(words, CURRENT);
      expect(load(words, DATA + found)).toBe(LIVE);
      each.leave(number);
    }
  };
  const count = <T>(n: number, make: (i: number) => T) => Array.from({ length: n }, (_, i) => make(i));
  return {
    name: 'grace-period',
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer((DATA + 16) * 4));
      words.fill(LIVE, DATA, DATA + 4);
      return words;
    },
    threads: Object.fromEntries([
      ...count(sizes.readers, (n) => [`reader${n}`, reader(n)] as const),
      ...count(sizes.writers, (n) => [`writer${n}`, writer(n + 1)] as const),
    ]),
    finally: (words) => expect(load(words, 0)).toBe(0),
  };
}

describe('nothing that a reader can still see is destroyed', () => {
  test.each([
    { readers: 1, writers: 1 },
    { readers: 1, writers: 1, sections: 2 },
    { readers: 2, writers: 1 },
    { readers: 1, writers: 2 },
  ])('whatever the order: %o', (sizes) => {
    expect(passesEvery(scenario(readers, sizes)).schedules).toBeGreaterThan(2);
  });

  test('two readers, two writers, up to two preemptions', () => {
    passesWithin(scenario(readers, { readers: 2, writers: 2 }), { strategy: 'dfs', preemptions: 2 });
  });

  test.each([
    {
      title: 'a writer that takes a reader inside for a reader outside',
      mistake: 'grace-spares-readers-outside: waits for those outside',
      kind: ['assertion', 'missed-notify', 'orphan-wait'],
    },
    {
      title: 'a reader that looks for no waiter when it leaves',
      mistake: 'leaver-wakes-waiter: nobody woken',
      kind: 'missed-notify',
    },
    {
      title: 'a reader that looks for waiting writers before it has left',
      mistake: 'reader-leaves-before-look: looks first',
      kind: 'missed-notify',
    },
    {
      title: 'a writer that does not count itself as waiting',
      mistake: 'waiter-counts-itself: not counted',
      kind: 'missed-notify',
    },
    {
      title: 'a reader that announces nothing',
      mistake: 'reader-announces-itself: not announced',
      kind: ['assertion', 'orphan-wait'],
    },
  ] as const)('not so with $title', ({ mistake, kind }) => {
    isCaught(scenario(mutated(mistake), { readers: 1, writers: 1 }), kind);
  });

  test('not so with a writer that waits for the first reader only', () => {
    const module = mutated('grace-period-waits: for the first reader only');
    isCaught(scenario(module, { readers: 2, writers: 1 }), 'assertion');
  });

  test('not so where what was replaced is destroyed at once', () => {
    const module = mutated('grace-period-waits: ends at once');
    isCaught(scenario(module, { readers: 1, writers: 1 }), 'assertion');
  });
});
