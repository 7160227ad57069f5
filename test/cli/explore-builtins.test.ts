/** Code under test that changes irqloom's own built-ins, or whose parts throw when they are read. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-builtins-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LOST = `const inc = (w) => { Atomics.store(w, 0, Atomics.load(w, 0) + 1) };
const scenario = { name: 'lost', words: 1, threads: { a: inc, b: inc }, finally(w) { if (w[0] !== 2) throw new Error('lost') } };
export default scenario;`;

async function explore(text: string, ...flags: readonly string[]) {
  const file = join(folder, 'scenario.mjs');
  writeFileSync(file, text);
  const { status, stdout, stderr } = await irqloom(['explore', file, ...flags]);
  expect(stderr).not.toMatch(/fault of irqloom itself|^\s+at /m);
  return { status, stdout, stderr };
}

describe('a built-in that code under test has frozen, and the search has to control, is named', () => {
  test.each([
    ['Atomics', 'Object.freeze(Atomics);', 'Atomics.load'],
    ['the global object', 'Object.freeze(globalThis);', 'globalThis.Date'],
    ['Math', 'Object.freeze(Math);', 'Math.random'],
    [
      'typed arrays',
      'Object.freeze(Object.getPrototypeOf(Int32Array.prototype));',
      'TypedArray.prototype.entries',
    ],
  ])('%s', async (_what, freeze, name) => {
    const { status, stderr } = await explore(`${freeze}\n${LOST}`);
    expect(stderr).toContain(`${name} cannot be taken under control, for the code under test`);
    expect(status).toBe(2);
  });

  test('a built-in that a thread freezes is named', async () => {
    const { status, stderr } = await explore(
      LOST.replace('{ Atomics.store', '{ Object.freeze(Atomics); Atomics.store'),
    );
    expect(stderr).toMatch(/Atomics\.load cannot be taken under control/);
    expect(status).toBe(2);
  });
});

test('a search that fails for a replaced built-in object names the object', async () => {
  const { status, stderr } = await explore(`${LOST}\nsetTimeout = 0; Object.prototype.get = 5;`);
  expect(stderr).toMatch(/has replaced \S+, which irqloom itself needs/);
  expect(status).toBe(2);
});

test.each([
  [
    'that replaces Error, and has a setup without shared memory',
    `${LOST}\nscenario.setup = () => { globalThis.Error = undefined; return new Int32Array(1); }; delete scenario.words;`,
    /the state has no SharedArrayBuffer/,
  ],
  [
    'that replaces Error, and is no scenario',
    'globalThis.Error = undefined; export default { name: "s", threads: 3 };',
    /is not a scenario: /,
  ],
  [
    'that replaces Object and Reflect, and throws',
    'globalThis.Object = globalThis.Reflect = undefined; throw new Error("mine");',
    /cannot be loaded: Error: mine/,
  ],
])('a scenario %s, gets the error that is its own, with its status', async (_what, text, message) => {
  const { status, stderr } = await explore(text);
  expect(stderr).toMatch(message);
  expect(status).toBe(2);
});

describe('a scenario', () => {
  test.each([
    ['whose names throws', 'scenario.names = () => { throw new Error("no name") };'],
    ['whose names gives an object', 'scenario.names = () => Object.create(null);'],
  ])('%s is told so', async (_what, names) => {
    const { status, stderr } = await explore(`${LOST}\n${names}`);
    expect(stderr).toMatch(
      /`names` (threw|returned) .*It has to return the name of a word as a string, or nothing/,
    );
    expect(status).toBe(2);
  });

  test.each([
    [
      'that throws an object without a prototype',
      'throw Object.create(null);',
      /cannot be loaded: \[Object: null prototype\]/,
    ],
    [
      'that throws a proxy whose traps throw',
      'throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } });',
      /cannot be loaded: /,
    ],
    [
      'whose entries throw',
      'export default { name: "s", get words() { throw new Error("mine") } };',
      /reading it throws: mine/,
    ],
  ])('%s is refused', async (_what, text, message) => {
    const { status, stderr } = await explore(text);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});

test.each([[], ['--jobs', '2'], ['--executor', 'lockstep'], ['--executor', 'free', '--runs', '10']])(
  'a promise that a module leaves rejected ends the search without an answer: %s %s',
  async (...flags) => {
    const { status, stderr } = await explore(`Promise.reject(new Error('left behind'));\n${LOST}`, ...flags);
    expect(stderr).toMatch(/the code under test ended its thread: left behind/);
    expect(status).toBe(3);
  },
);
