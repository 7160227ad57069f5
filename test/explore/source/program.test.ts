import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../../src/explore/loading/load.ts';
import { Program } from '../../../src/explore/loading/program.ts';
import type { CheckedScenario } from '../../../src/explore/loading/scenario.ts';
import { exploreChecked } from '../../../src/explore/search/explore.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-program-'));

afterAll(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): (name: string) => string {
  const root = mkdtempSync(join(folder, 'p-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return (name) => join(root, name);
}

const all = (scenario: CheckedScenario) => exploreChecked(scenario, { strategy: 'dfs' });

const scenario = (body: string, around = ''): string =>
  `${around}\nexport default { name: 'test', words: 2, threads: { a(w) { ${body} }, b(w) { ${body} } } };`;

describe('each thread has an instance of the modules of its own', () => {
  test('a variable of a module that threads change starts anew with each run of each thread', async () => {
    const file = write({
      'count.mjs': 'let n = 0; export const next = () => ++n;',
      's.mjs': scenario(
        "Atomics.add(w, 0, 1); if (next() !== 1) throw new Error('not its own'); Atomics.add(w, 1, 1); if (next() !== 2) throw new Error('not its own');",
        "import { next } from './count.mjs';",
      ),
    });
    const program = await Program.load(file('s.mjs'));
    expect(program.changes).toBe('n');
    expect(program.instantiate()).not.toBe(program.exports);
    expect(all(await loadScenario(file('s.mjs')))).toMatchObject({
      verdict: 'pass',
      schedules: 6,
    });
  });

  test('each thread has its own instance of CommonJS modules too, and of a module that awaits', async () => {
    const file = write({
      // It says nothing of a package without a package.json of its own, as in Node.js.
      'package.json': '{ "type": "module" }',
      'node_modules/count/index.js': 'let n = 0; exports.next = function () { return ++n; };',
      's.mjs': scenario(
        "Atomics.add(w, 0, 1); if (next() !== 1) throw new Error('not its own');",
        "const { next } = await import('count');",
      ),
    });
    expect(all(await loadScenario(file('s.mjs')))).toMatchObject({
      verdict: 'pass',
      schedules: 2,
    });
  });

  test('modules whose functions change nothing are evaluated once', async () => {
    const file = write({
      's.mjs': scenario(
        'Atomics.add(w, TABLE.at[0], half(2));',
        'const TABLE = { at: [0, 1] }; const half = (n) => n / 2; class Lock { #at = 0; }',
      ),
    });
    const program = await Program.load(file('s.mjs'));
    expect(program.changes).toBeUndefined();
    expect(program.instantiate()).toBe(program.exports);
  });

  test.each([
    ['let n = 0; export const f = () => { n = 1; };', 'n'],
    ['const t = { n: 0 }; export function f() { t.n++; }', 't.n'],
    ['const t = []; export function f() { t.push(1); }', 't.push()'],
    ['const m = new Map(); export const f = (k) => m.set(k, 1);', 'm.set()'],
    ['const words = new Int32Array(4); export const f = (use) => use(words);', 'words'],
    ['export class C { static n = 0; static f() { this.n++; } }', 'a static field'],
    ['class C { static n = 0; } export const f = () => { C.n = 1; };', 'C.n'],
    ['const count = (() => { let n = 0; return () => n++; })(); export const f = () => count();', 'n'],
    ['const { a } = make(); function make() { return { a: [] }; } export const f = () => a();', 'a'],
    ['const r = /x/g; export const f = (s) => r.test(s);', 'r.test()'],
    ['const t = { n: 0 }; export const f = () => Object.assign(t, { n: 1 });', 't'],
  ])('what functions change is seen: %s', async (code, changed) => {
    const file = write({ 'm.mjs': code });
    expect((await Program.load(file('m.mjs'))).changes).toBe(changed);
  });
});

describe('the modules of a scenario', () => {
  test('the modules of a scenario are those of Node.js: strict or not, CommonJS, JSON, import.meta, TypeScript', async () => {
    const files = write({
      'package.json': '{ "type": "module" }',
      'node_modules/old/package.json': '{ "main": "main.js" }',
      'node_modules/old/main.js':
        "var data = require('./data.json');\nexports.loose = (function () { return this; })() !== undefined;\nexports.frozen = (function () { var f = Object.freeze([1]); f[0] = 2; return f[0]; })();\nexports.value = data.value;\nexports.here = __filename;\nexports.top = this === module.exports;",
      'node_modules/old/data.json': '{ "value": 42 }',
      'typed.ts': 'export const kind: string = "typed"; export enum Color { Red = 3 }',
      's.js':
        "import old, { value } from 'old';\nimport * as all from 'old';\nimport { Color, kind } from './typed.js';\nimport { join } from 'node:path';\nlet strict = false; try { Object.freeze([1])[0] = 2; } catch { strict = true; }\nexport const seen = { value, loose: old.loose, frozen: old.frozen, here: all.here, top: old.top, kind, red: Color.Red, url: import.meta.url, joined: join('a', 'b'), strict };",
    });
    const { seen } = (await Program.load(files('s.js'))).exports;
    expect(seen).toEqual({
      value: 42,
      loose: true,
      frozen: 1,
      here: files('node_modules/old/main.js'),
      top: true,
      kind: 'typed',
      red: 3,
      url: `file://${files('s.js')}`,
      joined: 'a/b',
      strict: true,
    });
  });

  test('rewritten modules act as before: parsers, compressors and version ranges of the registry', async () => {
    const require = createRequire(import.meta.url);
    const work =
      "export const seen = (pako, semver, acorn) => { const bytes = new Uint8Array(5000).map((_, i) => (i * i) % 251); const packed = pako.deflate(bytes); const text = 'for (const [a, { b = 1 }] of c?.d ?? []) x[a] ||= b + [];'; return JSON.stringify([[...packed], [...pako.inflate(packed)].join() === [...bytes].join(), semver.maxSatisfying(['1.2.3', '1.9.0', '2.0.0'], '^1.2'), acorn.parse(text, { ecmaVersion: 'latest' })]); };";
    const files = write({
      's.mjs': `import pako from ${JSON.stringify(require.resolve('pako'))};\nimport semver from ${JSON.stringify(require.resolve('semver'))};\nimport acorn from ${JSON.stringify(require.resolve('acorn'))};\n${work}\nexport const result = seen(pako, semver, acorn);`,
    });
    const seen = new Function(`${work.replace('export const seen =', 'return')}`)() as (
      ...packages: unknown[]
    ) => string;
    const wanted = seen(require('pako'), require('semver'), require('acorn'));
    expect((await Program.load(files('s.mjs'))).exports.result).toBe(wanted);
    expect((await Program.load(files('s.mjs'), false)).exports.result).toBe(wanted);
  });

  test('a module of a scenario may take methods out of Atomics', async () => {
    const file = write({
      's.mjs': scenario('store(w, 0, load(w, 0) + 1);', 'const { load, store } = Atomics;'),
    });
    expect(all(await loadScenario(file('s.mjs')))).toMatchObject({
      verdict: 'pass',
      schedules: 6,
    });
  });

  test('a module may have the scenario under another name', async () => {
    const file = write({ 's.mjs': scenario('Atomics.add(w, 0, 1);').replace('default', 'const other =') });
    expect((await loadScenario(file('s.mjs'), { exportName: 'other' })).name).toBe('test');
    await expect(loadScenario(file('s.mjs'), { exportName: 'none' })).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringMatching(/exports nothing called "none" \(it exports other\)/),
    });
  });

  test('a module of a scenario may not end the process, nor await for good', async () => {
    const file = write({
      'exits.mjs': `process.exit(3);\n${scenario('')}`,
      'waits.mjs': `await new Promise(() => {});\n${scenario('')}`,
      'loops.mjs': `let n = 0; for (const x of [1]) await x;\n${scenario('n++;')}`,
    });
    await expect(Program.load(file('exits.mjs'))).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringMatching(/calls process\.exit\(3\) at .*:\d+:\d+ while it is loaded/),
    });
    await expect(Program.load(file('waits.mjs'))).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringMatching(/a top-level await .* was not over after 10 s/),
    });
    await expect(Program.load(file('loops.mjs'))).rejects.toMatchObject({ code: 'ERR_SCENARIO' });
  });

  test('modules may stay as they are: then accesses without Atomics are no points', async () => {
    const file = write({ 's.mjs': scenario('w[0]++; Atomics.load(w, 1);') });
    const { steps, schedules } = all(await loadScenario(file('s.mjs')));
    expect(steps / schedules).toBe(6);
    const off = all(await loadScenario(file('s.mjs'), { plain: 'off' }));
    expect(off.steps / off.schedules).toBe(2);
  });
});
