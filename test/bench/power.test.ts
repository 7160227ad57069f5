import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { type Mistake, PROTOCOL_MISTAKES } from '../../bench/power/protocols.ts';
import { mutate } from '../mutate.ts';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

/** The source of a file with a mistake made. @throws Error where the mistake does not fit the file */
function withMistake({ file, from, to, also = [] }: Mistake): string {
  let text = readFileSync(`${SRC}${file}`, 'utf8');
  for (const change of [{ from, to }, ...also]) text = mutate(text, { file, ...change });
  return text;
}

function syntaxErrors(text: string): number {
  return ts.transpileModule(text, { reportDiagnostics: true }).diagnostics?.length ?? 0;
}

describe('the mistakes of the power bench', () => {
  test.each(PROTOCOL_MISTAKES)('fit the source: $guard', (mistake) => {
    expect(syntaxErrors(withMistake(mistake))).toBe(0);
  });

  test('a mistake that has drifted away from its file is found, and one that is no TypeScript', () => {
    const [first] = PROTOCOL_MISTAKES;
    if (!first) throw new Error('there are mistakes');
    expect(() => withMistake({ ...first, from: 'no such line' })).toThrow(/found 0 times/);
    expect(syntaxErrors('if (')).toBeGreaterThan(0);
  });

  test('break a rule each, and no rule twice', () => {
    const guards = PROTOCOL_MISTAKES.map(({ guard }) => guard);
    expect(new Set(guards).size).toBe(guards.length);
  });
});
