/**
 * Reads of shared memory that neither Atomics nor the rewriting of `view[i]` shows. A thread reads a word twice and fails
 * where the two differ, while another thread sets the word and takes that back: only a search to which both reads are
 * steps finds the schedule between them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../src/explore/loading/load.ts';
import { checkScenario } from '../../src/explore/loading/scenario.ts';
import { exploreChecked } from '../../src/explore/search/explore.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-unseen-'));

afterAll(() => rmSync(folder, { recursive: true }));

const IMPORTS = `import assert from 'node:assert';
import { createHash } from 'node:crypto';
import util from 'node:util';
`;

/** A module whose thread `a` calls `read` twice. */
const source = (read: string, check = 'x !== y'): string => `${IMPORTS}
const read = ${read};
export default { name: 'unseen', words: 2, threads: {
  a(w) { const x = read(w); const y = read(w); Atomics.load(w, 1); if (${check}) throw new Error('found'); },
  b(w) { Atomics.store(w, 0, 1); Atomics.store(w, 0, 0); } } };`;

let files = 0;
async function explored(code: string) {
  const file = join(folder, `s${files++}.mjs`);
  writeFileSync(file, code);
  return exploreChecked(await loadScenario(file), { strategy: 'dfs' });
}

const READS = [
  ['a pattern in a parameter', '({ 0: x }) => x'],
  ['a pattern in a declaration', '(w) => { const { 0: x } = w; return x; }'],
  ['a pattern in a loop', '(w) => { for (const { 0: x } of [w]) return x; }'],
  ['a pattern in a catch', '(w) => { try { throw w; } catch ({ 0: x }) { return x; } }'],
  ['the rest of a pattern in a parameter', '(w) => (({ ...all }) => all[0])(w)'],
  ['Object.values', '(w) => Object.values(w)[0]'],
  ['Object.entries', '(w) => Object.entries(w)[0][1]'],
  ['Object.assign', '(w) => Object.assign({}, w)[0]'],
  ['Object.getOwnPropertyDescriptor', '(w) => Object.getOwnPropertyDescriptor(w, 0).value'],
  ['Reflect.get', '(w) => Reflect.get(w, 0)'],
  ['JSON.stringify', '(w) => JSON.stringify(w)'],
  ['spread into an object', '(w) => ({ ...w })[0]'],
  ['String', '(w) => String(w)'],
  ["Array's methods", '(w) => Array.prototype.map.call(w, (x) => x)[0]'],
  ['a view that the thread makes', '(w) => Object.values(new Int32Array(w.buffer))[0]'],
  ['a Buffer that the thread makes', '(w) => Object.values(Buffer.from(w.buffer))[0]'],
  ['a part of a view', '(w) => Object.values(w.subarray(0, 1))[0]'],
  ['a view that structuredClone gives', '(w) => Object.values(structuredClone({ of: [w] }).of[0])[0]'],
  ['util.inspect', '(w) => util.inspect({ w })'],
  ['util.format', "(w) => util.format('%o', w)"],
  ['util.isDeepStrictEqual', '(w) => util.isDeepStrictEqual(w, new Int32Array(2))'],
  [
    'assert.deepStrictEqual',
    '(w) => { try { assert.deepStrictEqual([w], [new Int32Array(2)]); return 1; } catch { return 2; } }',
  ],
] as const;

describe('reads of files that were rewritten', () => {
  test.each(READS)('are steps: by %s', async (_, read) => {
    const { verdict, failure } = await explored(source(read));
    expect(verdict).toBe('fail');
    expect(failure?.message).toBe('a: found');
    expect(failure?.trace.filter(({ op }) => op === 'read').length).toBeGreaterThanOrEqual(2);
  });

  test.each(READS)('fail nothing that does not fail: by %s', async (_, read) => {
    const { verdict, exhausted } = await explored(source(read, 'false'));
    expect({ verdict, exhausted }).toEqual({ verdict: 'pass', exhausted: true });
  });

  test('reads by native code are no steps, and the result says so, with the place', async () => {
    const hash = "(w) => createHash('sha1').update(w).digest('hex')";
    const { verdict, exhausted, bounded, coverage } = await explored(source(hash));
    expect({ verdict, exhausted }).toEqual({ verdict: 'pass', exhausted: false });
    expect(bounded).toMatch(
      /^not the reads and writes of shared memory by native code: a hands a view to native code \(s\d+\.mjs:5\)$/,
    );
    expect(coverage.statement).toMatch(
      /^the search came to its end, \d+ schedules run; not searched: the reads and writes of shared memory by native/,
    );
  });

  test("a thread's own fault is no fault of native code", async () => {
    const { failure } = await explored(source('(w) => w[0].missing.property'));
    expect(failure).toMatchObject({ kind: 'exception', message: expect.stringMatching(/^a: TypeError/) });
  });
});

test('reads through a view of a closure show where they see what a word was at some moment', () => {
  const hidden = new Int32Array(new SharedArrayBuffer(8));
  const scenario = {
    setup: () => hidden,
    threads: {
      a: (w: Int32Array) => {
        Atomics.load(w, 1);
        if (hidden[0] === 77) Atomics.store(w, 1, 1);
      },
      b: (w: Int32Array) => {
        Atomics.store(w, 0, 77);
        Atomics.store(w, 0, 0);
      },
    },
  };
  const { exhausted, bounded } = exploreChecked(checkScenario(scenario), { strategy: 'dfs' });
  expect(exhausted).toBe(false);
  expect(bounded).toMatch(/^not plain accesses to shared memory/);
});
