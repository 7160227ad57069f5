/**
 * Variables of modules: each thread has its own, afresh in each schedule. A program in which every thread counts in its
 * own copy from 1 ends with 2 in the shared word; where copies were shared, the sum would be larger.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../src/explore/loading/load.ts';
import { keptState } from '../../src/explore/loading/module-state.ts';
import { parseSource } from '../../src/explore/loading/syntax.ts';
import { exploreChecked } from '../../src/explore/search/explore.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-modules-'));
const EXPLORE = fileURLToPath(new URL('../../src/explore/index.ts', import.meta.url));

afterAll(() => rmSync(folder, { recursive: true }));

const SCENARIO = `{ name: 'counts', words: 1,
  threads: { a(w) { Atomics.add(w, 0, count()); }, b(w) { Atomics.add(w, 0, count()); } },
  finally(w) { if (Atomics.load(w, 0) !== 2) throw new Error('the sum is ' + Atomics.load(w, 0)); } }`;

/** Explores a module with the state that `code` keeps; its `count()` counts from 1. */
async function explored(name: string, code: string, scenario = SCENARIO) {
  const file = join(folder, name);
  const asModule = name.endsWith('.cjs') ? `module.exports = ${scenario};` : `export default ${scenario};`;
  writeFileSync(file, `${code}\n${asModule}\n`);
  const { verdict, exhausted, failure } = exploreChecked(await loadScenario(file), { strategy: 'dfs' });
  return { verdict, exhausted, message: failure?.message ?? '' };
}

const RIGHT = { verdict: 'pass', exhausted: true, message: '' };

describe('state that functions change', () => {
  test.each([
    ['a variable', 'let n = 0; const count = () => ++n;'],
    [
      'an entry of a table, by another name',
      "const m = new Map([['a', { n: 0 }]]); const count = () => { const e = m.get('a'); return ++e.n; };",
    ],
    [
      'an element that a loop names',
      'const list = [{ n: 0 }]; function count() { let n = 0; for (const e of list) n = ++e.n; return n; }',
    ],
    [
      'an element that a pattern names',
      'const list = [{ n: 0 }]; function count() { const [e] = list; return ++e.n; }',
    ],
    [
      'a table that was handed on',
      'const list = []; const put = (to) => to.push(1); const count = () => put(list);',
    ],
    ['bytes', 'const bytes = new Uint8Array(1); const at = (b) => ++b[0]; const count = () => at(bytes);'],
    [
      'an object with private fields in a table',
      'class C { #n = 0; bump() { return ++this.#n; } } const all = [new C()]; const count = () => all[0].bump();',
    ],
    [
      'private fields of one of two classes with one name',
      'const all = [(() => { class C { #n = 0; bump() { return ++this.#n; } } return new C(); })(), (() => { class C { #n = 1; get n() { return this.#n; } } return new C(); })()]; const count = () => all[0].bump();',
    ],
    [
      'a static field, by another name',
      'class C { static n = 0; } const all = [C]; function count() { const [c] = all; return ++c.n; }',
    ],
    [
      'what a function keeps for the functions that it makes',
      'const make = () => { let n = 0; return () => ++n; }; const count = make();',
    ],
  ])('is not shared by threads, nor kept from schedule to schedule: %s', async (_what, code) => {
    expect(await explored('state.mjs', code)).toEqual(RIGHT);
    expect(await explored('state.cjs', code)).toEqual(RIGHT);
  });

  test('is not shared where the scenario is an argument of a call', async () => {
    const code = `import { defineScenario } from ${JSON.stringify(EXPLORE)}; let n = 0; const count = () => ++n;`;
    expect(await explored('argument.ts', code, `defineScenario(${SCENARIO})`)).toEqual(RIGHT);
    const inline = SCENARIO.replaceAll('count()', '++n');
    const plain = `import { defineScenario } from ${JSON.stringify(EXPLORE)}; let n = 0;`;
    expect(await explored('inline.ts', plain, `defineScenario(${inline})`)).toEqual(RIGHT);
  });
});

describe('what the text of a module says', () => {
  const changes = (code: string) => keptState(parseSource(code, 'module')).changes;

  test('a function made by a function that keeps nothing is no state', () => {
    const reader = (body: string) =>
      `const at = reader(3); function reader(shift) { ${body} } export const f = (x) => at(x);`;
    expect(changes(reader('const mask = 2 ** shift; return (x) => (x >>> shift) & mask;'))).toBeUndefined();
    expect(changes(reader('let calls = 0; return (x) => { calls++; return x >>> shift; };'))).toBe('at');
    expect(changes(reader('return shift > 2 ? (x) => x : undefined;'))).toBe('at');
  });

  test('functions that a call keeps may change variables later; those of map and of a function called at once do not', () => {
    expect(changes('let n = 0; register(() => n++);')).toBe('n');
    expect(changes('let n = 0; [1].map(() => n++);')).toBeUndefined();
    expect(changes('let n = 0; (() => n++)();')).toBeUndefined();
  });
});
