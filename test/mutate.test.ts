import { describe, expect, test } from 'vitest';
import * as bits from '../src/memory/bits.ts';
import { loadMutated, mutate } from './mutate.ts';

type Bits = { readonly bits: typeof bits; readonly slots: typeof import('../src/memory/slots.ts') };
const FILES = { bits: 'memory/bits.ts', slots: 'memory/slots.ts' };

describe('a mutated source', () => {
  test('is the real one where nothing is mutated', () => {
    const loaded = loadMutated<Bits>(FILES);
    expect(loaded.bits.countBits(0xf0f)).toBe(bits.countBits(0xf0f));
    expect(loaded.bits.countBits).not.toBe(bits.countBits);
    expect(loaded.slots.slotsWords(4)).toBe(24);
  });

  test('does what the changed line says', () => {
    const change = { file: 'memory/bits.ts', from: 'return 31 - Math.clz32(word & -word);', to: 'return 7;' };
    expect(loadMutated<Bits>(FILES, change).bits.lowestBit(1)).toBe(7);
    expect(loadMutated<Bits>(FILES).bits.lowestBit(1)).toBe(0);
  });

  test('is refused where the line is not there, is there twice, or its file is not loaded', () => {
    const file = 'memory/bits.ts';
    expect(() => loadMutated<Bits>(FILES, { file, from: 'no such line', to: '' })).toThrow('found 0 times');
    expect(() => mutate('a\na\n', { file, from: 'a', to: 'b' })).toThrow('found 2 times');
    const far = { file: 'memory/nap.ts', from: 'Atomics', to: 'Atomics' };
    expect(() => loadMutated<Bits>(FILES, far)).toThrow('nothing imports it');
  });
});
