import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../src/explore/loading/load.ts';
import { checkScenario } from '../../src/explore/loading/scenario.ts';
import { exploreChecked } from '../../src/explore/search/explore.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/explore/load/${name}`, import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/src/explore/index.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'irqloom-load-'));

afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Loads and explores a file in a Node.js of its own, from what was built, and gives the first line responsible. */
function exploreOutside(file: string): { verdict: string; site: string; error?: string } {
  expect(existsSync(BUILT), 'npm run build has to come first').toBe(true);
  const program = `
    import { exploreChecked, loadScenario } from ${JSON.stringify(`file://${BUILT}`)};
    try {
      const { verdict, failure } = exploreChecked(await loadScenario(${JSON.stringify(file)}));
      console.log(JSON.stringify({ verdict, site: failure?.trace[0]?.site ?? '' }));
    } catch (error) {
      console.log(JSON.stringify({ verdict: error.code, site: '', error: error.message }));
    }`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

describe('a scenario file', () => {
  test('a scenario file may be JavaScript', async () => {
    const { failure } = exploreChecked(await loadScenario(fixture('lost-update.scenario.mjs')));
    expect(failure?.trace[0]).toMatchObject({ op: 'load', target: 's.words[0]' });
    expect(failure?.trace[0]?.site).toMatch(/lost-update\.scenario\.mjs:5:54$/);
  });

  test.each([
    ['an assignment', '({ 0: x } = w)'],
    ['an assignment with a name that is computed', '({ [0]: x } = w)'],
    ['a declaration', '{ const { 0: y } = w; }'],
    ['a declaration with a default', '{ const { 0: y = 3 } = w; }'],
    ['a copy of all in a pattern', '{ const { ...all } = w; }'],
    ['a copy of all', 'x = { ...w }'],
  ])('reads an element once where it is taken out by %s', async (name, statement) => {
    const file = write(
      `pattern-${name.replaceAll(' ', '-')}.mjs`,
      `export default { words: 1, threads: { a(w) { let x; ${statement}; }, b(w) { w[0] = 1; } } };`,
    );
    const result = exploreChecked(await loadScenario(file), { strategy: 'dfs', all: true });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true, schedules: 2, steps: 4 });
  });

  test('a scenario file may be TypeScript, also on a Node.js that cannot run TypeScript, and sites are lines of the source', () => {
    const { verdict, site } = exploreOutside(fixture('lost-update.scenario.ts'));
    expect(verdict).toBe('fail');
    expect(site).toMatch(/fixtures\/explore\/load\/increment\.ts:4:33$/);
  });

  test('a scenario file in TypeScript needs no compiler beside it', () => {
    const lonely = write(
      'lonely.ts',
      'export default { name: "lonely" as string, words: 1, threads: { a(w: Int32Array) { Atomics.load(w, 0); } } };',
    );
    expect(exploreOutside(lonely)).toMatchObject({ verdict: 'pass' });
  });

  test('a scenario file may be a package of its own with TypeScript that imports by .js', () => {
    write('words.ts', 'export const words: number = 2;');
    const file = write(
      'by-js.ts',
      "import { words } from './words.js';\nexport default { name: 'by-js', words, threads: { a(w) { Atomics.load(w, 0); } } };",
    );
    expect(exploreOutside(file)).toMatchObject({ verdict: 'pass' });
  });
});

describe('a view that is given to a constructor', () => {
  const COUNTER = 'class Counter { constructor(w) { this.w = w; } add() { this.w[0] = this.w[0] + 1; } }';
  /** Two threads do so; their increments must not be lost. */
  const increments = async (name: string, body: string, around = '') =>
    exploreChecked(
      await loadScenario(
        write(
          name,
          `${around}\nconst add = (w) => { ${body} }; export default { words: 1, threads: { a: add, b: add }, finally(w) { if (w[0] !== 2) throw new Error('lost'); } };`,
        ),
      ),
    );

  test('a class of the program gets the view itself', async () => {
    const { failure } = await increments('counter.mjs', 'new Counter(w).add();', COUNTER);
    expect(failure?.message).toContain('lost');
    expect(failure?.trace.map(({ op }) => op)).toEqual(['read', 'read', 'write', 'write']);
  });

  test('a typed array made from a view reads that view', async () => {
    const { failure } = await increments('copy.mjs', 'w[0] = new Int32Array(w)[0] + 1;');
    expect(failure?.message).toContain('lost');
    expect(failure?.trace.map(({ op }) => op)).toEqual(['read', 'read', 'write', 'write']);
  });

  test('a class that extends a typed array reads the view that it is given', async () => {
    const copy = 'class Copy extends Int32Array {}';
    const { failure } = await increments('own.mjs', 'w[0] = new Copy(w)[0] + 1;', copy);
    expect(failure?.trace.map(({ op }) => op)).toEqual(['read', 'read', 'write', 'write']);
  });
});

describe('what is not a scenario file is said plainly', () => {
  const bad = async (name: string, text: string): Promise<string> => {
    const file = write(name, text);
    return loadScenario(file).then(
      () => 'loaded',
      (error: unknown) => (error instanceof Error ? error.message.replace(file, 'FILE') : ''),
    );
  };

  test('no such file, a folder, another kind of file', async () => {
    await expect(loadScenario(join(folder, 'nowhere.mjs'))).rejects.toMatchObject({ code: 'ERR_FILE' });
    await expect(loadScenario(folder)).rejects.toMatchObject({ code: 'ERR_FILE' });
    expect(await bad('text.txt', '')).toBe(
      `${join(folder, 'text.txt')} is not a scenario file: it has to end in .mjs, .js or .ts`.replace(
        join(folder, 'text.txt'),
        'FILE',
      ),
    );
  });

  test('no default export, a damaged one, one that throws', async () => {
    expect(await bad('none.mjs', 'export const a = 1;')).toMatch(
      /FILE has no default export \(it exports a\); right would be: export default/,
    );
    expect(await bad('damaged.mjs', 'export default {')).toMatch(
      /FILE cannot be loaded: .*(SyntaxError|syntax)/,
    );
    expect(await bad('throws.mjs', 'throw new Error("at home");')).toMatch(
      /FILE cannot be loaded: Error: at home/,
    );
    expect(await bad('number.mjs', 'export default 5;')).toMatch(
      /FILE is not a scenario: it exports 5; right would be/,
    );
  });
});

describe('what is not a scenario', () => {
  const fine = { name: 'fine', words: 1, threads: { a: () => {} } };
  const refused = (change: object): string => {
    try {
      checkScenario({ ...fine, ...change });
      return 'taken';
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
  };

  test('a value with the shape of a scenario is taken', () => expect(refused({})).toBe('taken'));

  test.each([
    [{ name: '' }, /`name` is ""; right would be: letters/],
    [{ name: 'a b' }, /`name` is "a b"/],
    [{ words: undefined }, /either `setup` or `words`/],
    [{ setup: () => ({}) }, /either `setup` or `words`/],
    [{ words: 0 }, /`words` is 0; right would be: a whole number from 1/],
    [{ words: 1.5 }, /`words` is 1.5/],
    [{ threads: {} }, /`threads` is/],
    [{ threads: [() => {}] }, /`threads` is an array/],
    [{ threads: { a: 5 } }, /`threads.a` is 5; right would be: a function: a\(state\)/],
    [
      { threads: Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`t${i}`, () => {}])) },
      /31 threads; right would be: at most 30/,
    ],
    [
      { threads: { a: async () => {} } },
      /`threads.a` is async, .* Make it a plain function: wait with Atomics.wait in the place of await/,
    ],
    [{ threads: { *a() {} } }, /`threads.a` is a generator, .* Take the \* away/],
    [{ words: undefined, setup: async () => ({}) }, /`setup` is async/],
    [{ finally: 5 }, /`finally` is 5/],
    [{ finally: async () => {} }, /`finally` is async/],
    [{ outcomes: { allowed: [] } }, /`outcomes\.of` is missing/],
  ])('%o is refused', (change, message) => expect(refused(change)).toMatch(message));

  test('a thread that gives a promise is refused when it runs', () => {
    const hidden = checkScenario({ ...fine, threads: { a: () => Promise.resolve() } });
    expect(() => exploreChecked(hidden)).toThrow(/`threads.a` returned a promise/);
  });

  test('a `finally` that gives a promise is refused when it runs', () => {
    const hidden = checkScenario({ ...fine, finally: () => Promise.resolve() });
    expect(() => exploreChecked(hidden)).toThrow(/`finally` returned a promise/);
  });

  test('a state without shared memory, or another one each time, is refused when it is set up', () => {
    const with_ = (setup: () => unknown) => () =>
      exploreChecked(checkScenario({ name: 'fine', setup, threads: { a: () => {} } }));
    expect(with_(() => ({ n: 1 }))).toThrow(/the state has no SharedArrayBuffer/);
    let n = 0;
    expect(with_(() => new Int32Array(new SharedArrayBuffer(4)).fill(n++))).toThrow(
      /another state each time it runs; the first difference is at s\+0/,
    );
    expect(with_(() => ({ words: new Int32Array(new SharedArrayBuffer(4)), n: n++ }))).toThrow(
      /another state each time it runs \(s\.n=/,
    );
    expect(with_(() => new Int32Array(new SharedArrayBuffer(4)).fill(Math.random() * 1e9))).not.toThrow();
  });
});
