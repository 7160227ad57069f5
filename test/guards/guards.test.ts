import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../bench/power/root.ts';
import type { GuardEdit } from './edit.ts';
import {
  AREAS,
  filesOf,
  GUARDS,
  guardedFiles,
  MISTAKES,
  type MistakeName,
  ruleOf,
  VARIANTS,
  withMistakes,
} from './index.ts';
import { guardsPage, usersOfMistakes } from './page.ts';

const outputs = new Map<string, string>();

/** The source of a file as JavaScript without comments: what two texts have in common that do the same. */
function compiled(text: string): string {
  const known = outputs.get(text);
  if (known !== undefined) return known;
  const { outputText, diagnostics } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022, removeComments: true },
  });
  expect(diagnostics?.map(({ messageText }) => messageText)).toEqual([]);
  outputs.set(text, outputText);
  return outputText;
}

const source = (file: string) => readFileSync(join(ROOT, 'src', file), 'utf8');

describe('the table of guards', () => {
  test('has a row for each tag of src, and each row has its tag', () => {
    expect([...guardedFiles().keys()].sort()).toEqual(Object.keys(GUARDS).sort());
  });

  test('has no guard in two areas', () => {
    const all = Object.values(AREAS).flatMap(Object.keys);
    expect(new Set(all).size).toBe(all.length);
  });

  test('says each rule in one sentence, and no rule twice', () => {
    const rules = Object.values(GUARDS).map(({ rule }) => rule);
    expect(rules.filter((rule) => !/^[A-Z].*[^.]\.$/.test(rule) || /\. /.test(rule))).toEqual([]);
    expect(new Set(rules).size).toBe(rules.length);
    expect(ruleOf('waker-notifies: not notified')).toBe(GUARDS['waker-notifies']?.rule);
  });

  test.each([...MISTAKES, ...VARIANTS])('has mistakes that change the code, and compile: %s', (name) => {
    const changed = filesOf(name);
    expect(changed.length).toBeGreaterThan(0);
    for (const file of changed) {
      const text = source(file);
      expect(compiled(withMistakes(file, text, name)), file).not.toBe(compiled(text));
    }
  });

  test('has no mistake that is another by a second name', () => {
    const made = MISTAKES.map((name) => filesOf(name).map((file) => withMistakes(file, source(file), name)));
    expect(new Set(made.map((texts) => texts.map(compiled).join('\n'))).size).toBe(MISTAKES.length);
  });

  test('has no mistake that no test and no bench makes', () => {
    expect([...usersOfMistakes().keys()].sort()).toEqual([...MISTAKES, ...VARIANTS].sort());
  });

  test('has no guard without mistakes that the mistakes of no other refer to', () => {
    const referred = Object.values(GUARDS).flatMap(({ mistakes }) =>
      Object.values(mistakes).flatMap((change) => [change].flat().flatMap(guardsOf)),
    );
    const idle = Object.entries(GUARDS).filter(
      ([, { mistakes, variants = {} }]) => Object.keys(mistakes).length + Object.keys(variants).length === 0,
    );
    expect(idle.map(([guard]) => guard).filter((guard) => !referred.includes(guard))).toEqual([]);
  });

  test('is docs/guards.md', async () => {
    await expect(guardsPage()).toMatchFileSnapshot(join(ROOT, 'docs/guards.md'));
  });

  test('does not know a mistake that is misspelled', () => {
    expect(() => withMistakes('memory/event-count.ts', '', 'waker-notifies: twice' as MistakeName)).toThrow(
      'there is no mistake "waker-notifies: twice" in the table of guards',
    );
  });
});

/** The guards that an edit refers to, the one of its row aside. */
function guardsOf(edit: object): string[] {
  const own = 'guard' in edit ? [String(edit.guard)] : [];
  return 'edit' in edit ? [...own, ...guardsOf((edit as GuardEdit).edit)] : own;
}
