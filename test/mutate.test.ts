import { describe, expect, test } from 'vitest';
import * as bits from '../src/memory/bits.ts';
import type { MistakeName } from './guards/index.ts';
import { loadMutated } from './mutate.ts';

type Bits = { readonly bits: typeof bits; readonly slots: typeof import('../src/memory/slots.ts') };
const FILES = { bits: 'memory/bits.ts', slots: 'memory/slots.ts' };

describe('a mutated source', () => {
  test('is the real one where nothing is mutated', () => {
    const loaded = loadMutated<Bits>(FILES);
    expect(loaded.bits.countBits(0xf0f)).toBe(bits.countBits(0xf0f));
    expect(loaded.bits.countBits).not.toBe(bits.countBits);
    expect(loaded.slots.slotsWords(4)).toBe(24);
  });

  test('does what the mistake does', () => {
    const { lowestBit } = loadMutated<Bits>(FILES, 'lowest-bit-stands-alone: not isolated').bits;
    expect([lowestBit(3), loadMutated<Bits>(FILES).bits.lowestBit(3)]).toEqual([1, 0]);
  });

  test('is refused where there is no such mistake, or its file is not loaded', () => {
    expect(() => loadMutated<Bits>(FILES, 'lowest-bit-stands-alone: moved' as MistakeName)).toThrow(
      'there is no mistake "lowest-bit-stands-alone: moved"',
    );
    expect(() => loadMutated<Bits>(FILES, 'reader-announces-itself: not announced')).toThrow(
      'src/memory/readers.ts was to be mutated, and nothing imports it',
    );
  });
});
