import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as sequence from '../../src/memory/sequence.ts';
import { load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof sequence;
const SEQUENCE = 0;
const [LEFT, RIGHT] = [1, 2];

const mutated = (mistake: MistakeName) => loadMutated<{ m: Module }>({ m: 'memory/sequence.ts' }, mistake).m;

describe('a sequence count', () => {
  const words = () => new Int32Array(new SharedArrayBuffer(64));

  test('is even at rest, and odd while a write is under way', () => {
    const shared = words();
    const { beginRead, beginWrite, changedSince, endWrite } = sequence;
    expect(changedSince(shared, 0, beginRead(shared, 0))).toBe(false);
    const before = beginRead(shared, 0);
    beginWrite(shared, 0);
    expect(changedSince(shared, 0, before)).toBe(true);
    expect(changedSince(shared, 0, beginRead(shared, 0))).toBe(true);
    endWrite(shared, 0);
    expect(changedSince(shared, 0, before)).toBe(true);
    expect(changedSince(shared, 0, beginRead(shared, 0))).toBe(false);
  });

  test('goes on past the end of its word', () => {
    const shared = words();
    shared[0] = -2;
    sequence.beginWrite(shared, 0);
    expect(sequence.changedSince(shared, 0, sequence.beginRead(shared, 0))).toBe(true);
    sequence.endWrite(shared, 0);
    expect(load(shared, 0)).toBe(0);
    expect(sequence.changedSince(shared, 0, -2)).toBe(true);
  });
});

/** A writer keeps two words equal, `writes` times; a reader takes both, once, and may not take halves. */
function scenario(module: Module, writes: number): Scenario<Words> {
  const { beginRead, beginWrite, changedSince, endWrite } = module;
  return {
    name: 'sequence',
    words: 16,
    threads: {
      writer: (words) => {
        for (let n = 1; n <= writes; n++) {
          beginWrite(words, SEQUENCE);
          store(words, LEFT, n);
          store(words, RIGHT, n);
          endWrite(words, SEQUENCE);
        }
      },
      reader: (words) => {
        const seen = beginRead(words, SEQUENCE);
        const left = load(words, LEFT);
        const right = load(words, RIGHT);
        if (!changedSince(words, SEQUENCE, seen)) expect(left).toBe(right);
      },
    },
    finally: (words) => expect(changedSince(words, SEQUENCE, beginRead(words, SEQUENCE))).toBe(false),
  };
}

describe('what a reader took is of one piece', () => {
  test.each([1, 3])('whatever the order, with %i writes', (writes) => {
    expect(passesEvery(scenario(sequence, writes)).schedules).toBeGreaterThan(5);
  });

  test.each([
    {
      title: 'a reader that does not mind the odd numbers',
      mistake: 'torn-copy-is-refused: an odd sequence not minded',
    },
    {
      title: 'a reader that does not look again',
      mistake: 'torn-copy-is-refused: not read again',
    },
    {
      title: 'a writer that does not say that it begins',
      mistake: 'write-begins-odd: not announced',
    },
    {
      title: 'a writer that counts both steps at the end',
      mistake: 'write-ends-higher: as before',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    isCaught(scenario(mutated(mistake), 2), 'assertion');
  });
});
