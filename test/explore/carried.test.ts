import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../src/explore/loading/load.ts';
import { exploreChecked } from '../../src/explore/search/explore.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-carried-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
/** Explores a file whose thread `a` is the code, beside a thread that stores 1 to word 1 and then to word 0. */
async function exploring(code: string, before = '', strategy: 'dfs' | 'dpor' = 'dfs') {
  const file = join(folder, `scenario-${files++}.mjs`);
  writeFileSync(
    file,
    `${before}
export default { name: 'carried', words: 2, threads: {
  a(w) { ${code} },
  b(w) { Atomics.store(w, 1, 1); Atomics.store(w, 0, 1); },
} };`,
  );
  return exploreChecked(await loadScenario(file), { strategy });
}

const COUNTS: readonly [what: string, code: string, before?: string][] = [
  [
    'a for loop with a bound beyond all that is tried',
    'for (let i = 0; i < 1e6; i++) if (Atomics.load(w, 0) === 1) return; throw new Error();',
  ],
  [
    'a variable that is looked at after the loop',
    'let n = 0; while (Atomics.load(w, 0) === 0) n++; if (n === 500) throw new Error();',
  ],
  ['a sum', 'let n = 0; while (Atomics.load(w, 0) === 0) n += 2; if (n > 40000) throw new Error();'],
  [
    'an assignment',
    'let n = 0; while (Atomics.load(w, 0) === 0) n = n + 1; if (n > 40000) throw new Error();',
  ],
  [
    'a pattern',
    'let [n, m] = [0, 1]; while (Atomics.load(w, 0) === 0) [n, m] = [m, m + 1]; if (m > 40000) throw new Error();',
  ],
  [
    'a property',
    'const o = { n: 0 }; while (Atomics.load(w, 0) === 0) o.n++; if (o.n > 40000) throw new Error();',
  ],
  [
    'a property that is assigned',
    'const o = { n: 0 }; while (Atomics.load(w, 0) === 0) o.n = o.n + 1; if (o.n > 40000) throw new Error();',
  ],
  [
    'a private field',
    'const c = new C(w); c.wait(); if (c.n > 40000) throw new Error();',
    'class C { #n = 0; constructor(w) { this.w = w; } get n() { return this.#n; } wait() { while (Atomics.load(this.w, 0) === 0) this.#n++; } }',
  ],
  [
    'a list that grows',
    'const list = []; while (Atomics.load(w, 0) === 0) list.push(1); if (list.length === 3000) throw new Error();',
  ],
  [
    'a helper that counts in an object of its caller',
    'const o = { n: 0 }; while (isZero(w, o)); if (o.n > 40000) throw new Error();',
    'const isZero = (w, o) => { o.n++; return Atomics.load(w, 0) === 0; };',
  ],
  [
    'a variable of the module',
    'while (isZero(w)); if (n > 40000) throw new Error();',
    'let n = 0; const isZero = (w) => { n++; return Atomics.load(w, 0) === 0; };',
  ],
  [
    'a closure',
    'let n = 0; const isZero = () => { n++; return Atomics.load(w, 0) === 0; }; while (isZero()); if (n > 40000) throw new Error();',
  ],
  [
    'an element of an array',
    'const o = [0]; while (Atomics.load(w, 0) === 0) o[0]++; if (o[0] > 40000) throw new Error();',
  ],
  [
    'a word of memory of its own',
    'const o = new Int32Array(1); while (Atomics.load(w, 0) === 0) o[0]++; if (o[0] > 40000) throw new Error();',
  ],
];

describe('a loop that carries something from round to round is not called endless:', () => {
  test.each(COUNTS)('%s', async (_, code, before = '') => {
    for (const strategy of ['dfs', 'dpor'] as const) {
      const result = await exploring(code, before, strategy);
      expect(result.exhausted).toBe(false);
      expect(result.bounded).toMatch(/waits for more than one round of a loop/);
    }
  });
});

const WAITS: readonly [what: string, code: string, before?: string][] = [
  ['a loop that only looks', 'while (Atomics.load(w, 0) === 0);'],
  [
    'a value that is kept until the next round',
    'let seen; do { seen = Atomics.load(w, 0); } while (seen === 0);',
  ],
  [
    'a retry',
    'let old; do { old = Atomics.load(w, 0); } while (Atomics.compareExchange(w, 0, old, old + 1) !== old);',
  ],
  [
    'a scan with a counter that begins anew in each round',
    'for (;;) { let sum = 0; for (let i = 0; i < 2; i++) sum += Atomics.load(w, i); if (sum === 2) return; }',
  ],
  [
    'the same with var, in a function',
    'while (sum(w) < 2);',
    'const sum = (w) => { var n = 0; for (var i = 0; i < 2; i++) n += Atomics.load(w, i); return n; };',
  ],
  [
    'a parameter that is counted down',
    'while (!all(w, 2));',
    'function all(w, n) { while (n > 0) { n--; if (Atomics.load(w, n) === 0) return false; } return true; }',
  ],
  [
    'a list made anew in each round',
    'for (;;) { const seen = []; for (let i = 0; i < 2; i++) seen.push(Atomics.load(w, i)); if (seen.join() === "1,1") return; }',
  ],
  [
    'a loop around the one that waits',
    'let n = 0; for (let i = 0; i < 2; i++) { while (Atomics.load(w, i) === 0); n++; }',
  ],
];

describe('a loop that is where it was is a wait, and the search says every:', () => {
  test.each(WAITS)('%s', async (_, code, before = '') => {
    for (const strategy of ['dfs', 'dpor'] as const) {
      const result = await exploring(code, before, strategy);
      expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
    }
  });
});
