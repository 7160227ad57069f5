import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { ARCHITECTURE_MISTAKES } from '../../bench/power/architecture.ts';
import { type Mistake, named, withMistake } from '../../bench/power/mistake.ts';
import { compile } from '../../bench/power/mutant.ts';
import { operatorMistakes } from '../../bench/power/operators.ts';
import { PROTOCOL_MISTAKES } from '../../bench/power/protocols.ts';
import { OPERATOR_SEED, OPERATORS } from '../../bench/power.ts';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

const made = (mistake: Mistake) => withMistake(mistake, readFileSync(`${SRC}${mistake.file}`, 'utf8'));

function syntaxErrors(text: string): number {
  return ts.transpileModule(text, { reportDiagnostics: true }).diagnostics?.length ?? 0;
}

const BY_HAND = [...PROTOCOL_MISTAKES, ...ARCHITECTURE_MISTAKES];
const BY_RULE = await operatorMistakes(OPERATOR_SEED, OPERATORS);

describe('the mistakes of the power bench', () => {
  test('are at least 150', () => {
    expect(BY_HAND.length + BY_RULE.length).toBeGreaterThanOrEqual(150);
  });

  test.each(BY_RULE)(
    'are made by rule at places of the source, and are TypeScript: $file $guard',
    (mistake) => {
      const { file, from, at } = mistake;
      expect(readFileSync(`${SRC}${file}`, 'utf8').startsWith(from, at)).toBe(true);
      expect(syntaxErrors(made(mistake))).toBe(0);
    },
  );

  test('are the same for the same seed, and others for another', async () => {
    expect(await operatorMistakes(OPERATOR_SEED, OPERATORS)).toEqual(BY_RULE);
    expect(await operatorMistakes(OPERATOR_SEED + 1, OPERATORS)).not.toEqual(BY_RULE);
  });

  test.each(named(BY_HAND))('are in the table of guards, and compile: $guard', async (mistake) => {
    expect(mistake.rule).not.toBe('');
    expect(await compile(mistake)).not.toBe(await compile({ ...mistake, from: '', to: '', at: 0 }));
  });

  test('a mistake that has drifted away from its file is found, and one that is no TypeScript', async () => {
    const [first] = BY_RULE;
    if (!first) throw new Error('there are mistakes');
    expect(() => made({ ...first, from: 'no such code' })).toThrow('has something else at');
    await expect(compile({ ...first, to: 'if (' })).rejects.toThrow('is no TypeScript any more');
  });

  test('are different ones each', () => {
    expect(new Set(BY_HAND).size).toBe(BY_HAND.length);
  });
});
