import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { ARCHITECTURE_MISTAKES } from '../../bench/power/architecture.ts';
import type { Mistake } from '../../bench/power/mistake.ts';
import { operatorMistakes } from '../../bench/power/operators.ts';
import { PROTOCOL_MISTAKES } from '../../bench/power/protocols.ts';
import { OPERATOR_SEED, OPERATORS } from '../../bench/power.ts';
import { mutate } from '../mutate.ts';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

/** The source of a file with a mistake made. @throws Error where the mistake does not fit the file */
function withMistake({ file, from, to, at, also = [] }: Mistake): string {
  let text = readFileSync(`${SRC}${file}`, 'utf8');
  if (at !== undefined) return text.slice(0, at) + to + text.slice(at + from.length);
  for (const change of [{ from, to }, ...also]) text = mutate(text, { file, ...change });
  return text;
}

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
      const { file, from, at = -1 } = mistake;
      expect(readFileSync(`${SRC}${file}`, 'utf8').startsWith(from, at)).toBe(true);
      expect(syntaxErrors(withMistake(mistake))).toBe(0);
    },
  );

  test('are the same for the same seed, and others for another', async () => {
    expect(await operatorMistakes(OPERATOR_SEED, OPERATORS)).toEqual(BY_RULE);
    expect(await operatorMistakes(OPERATOR_SEED + 1, OPERATORS)).not.toEqual(BY_RULE);
  });

  test.each(BY_HAND)('fit the source: $guard', (mistake) => {
    expect(syntaxErrors(withMistake(mistake))).toBe(0);
  });

  test('a mistake that has drifted away from its file is found, and one that is no TypeScript', () => {
    const [first] = PROTOCOL_MISTAKES;
    if (!first) throw new Error('there are mistakes');
    expect(() => withMistake({ ...first, from: 'no such line' })).toThrow(/found 0 times/);
    expect(syntaxErrors('if (')).toBeGreaterThan(0);
  });

  test('break a rule each, and no rule twice', () => {
    const guards = BY_HAND.map(({ guard }) => guard);
    expect(new Set(guards).size).toBe(guards.length);
  });
});
