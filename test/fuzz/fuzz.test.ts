import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { IrqError } from '../../src/base/irq-error.ts';
import { corpusOf } from './corpus.ts';
import { fuzz, STATE_HEAD, tryInput } from './fuzz.ts';
import { mutate } from './mutations.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';

const state = () => new SharedArrayBuffer(STATE_HEAD + 2 ** 18);

describe('the kept inputs of every parser', () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))(
    '%s: each is read, or refused by an error with a code',
    (name, target) => {
      const outcomes = [...target.seeds(), ...corpusOf(name)].map((input) => tryInput(target, input));
      expect(outcomes.filter((outcome) => outcome instanceof Error)).toEqual([]);
      // A target that refuses its own seeds would fuzz nothing but the first check.
      expect(tryInput(target, target.seeds()[0] ?? new Uint8Array())).toBe('taken');
    },
  );
});

describe('the fuzzer', () => {
  const brittle: Target = {
    name: 'brittle',
    seeds: () => [Buffer.from('{"size":12,"name":"a"}')],
    words: ['__proto__'],
    read: (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      if (text.includes('"size":65536')) throw new TypeError('an unchecked index');
      if (!text.startsWith('{')) throw new IrqError('ERR_FILE', 'not an object');
    },
  };

  test('finds an input that ends in an error without a code, and gives that input back', () => {
    const { crash, inputs } = fuzz(brittle, { seed: 1, seconds: 30, state: state() });
    expect(crash?.error).toContain('an unchecked index');
    expect(tryInput(brittle, crash?.input ?? new Uint8Array())).toBeInstanceOf(TypeError);
    expect(inputs).toBeGreaterThan(1);
  });

  test('takes an error with a code for a refusal', () => {
    expect(tryInput(brittle, Buffer.from('no'))).toBe('refused');
    expect(tryInput(brittle, Buffer.from('{}'))).toBe('taken');
  });

  test('draws the same mutants from the same seed', () => {
    const mutants = (seed: number) => {
      const chance = new Chance(seed);
      chance.begin(0);
      const seeds = brittle.seeds();
      return Array.from({ length: 50 }, () =>
        Buffer.from(mutate(chance, seeds[0] ?? new Uint8Array(), seeds, [Buffer.from('x')])).toString('hex'),
      );
    };
    expect(mutants(1)).toEqual(mutants(1));
    expect(new Set(mutants(1)).size).toBeGreaterThan(40);
    expect(mutants(2)).not.toEqual(mutants(1));
  });
});
