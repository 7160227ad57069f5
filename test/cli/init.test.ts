import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { irqloom } from './run.ts';

// npm, and a vitest of its own within: slow on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const all = mkdtempSync(join(tmpdir(), 'irqloom-init-'));
afterAll(() => rmSync(all, { recursive: true }));

/** A folder as `npm install irqloom vitest` leaves an empty one. */
function installed(name: string): string {
  const folder = join(all, name);
  mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(ROOT, join(folder, 'node_modules', 'irqloom'));
  symlinkSync(join(ROOT, 'dist/src/cli/main.js'), join(folder, 'node_modules/.bin/irqloom'));
  symlinkSync(join(ROOT, 'node_modules/vitest'), join(folder, 'node_modules/vitest'));
  symlinkSync(join(ROOT, 'node_modules/vitest/vitest.mjs'), join(folder, 'node_modules/.bin/vitest'));
  writeFileSync(join(folder, 'package.json'), '{ "dependencies": { "irqloom": "file:irqloom.tgz" } }');
  return folder;
}

/** `npm test` in a folder. */
function npmTest(folder: string): Promise<{ status: unknown; output: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', VITEST: '' };
    execFile('npm', ['test'], { cwd: folder, env, timeout: 110_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

describe('a project of each kind runs at once', () => {
  test.each([
    ['harness', 'every signal reaches a handler, once'],
    ['scenario', 'counter: pass'],
    ['vitest', '2 passed'],
    ['program', 'handlers have counted 400 and 400'],
  ])('%s', async (kind, expected) => {
    const folder = installed(kind);
    const { status, stdout, stderr } = await irqloom(['init', '--kind', kind, folder]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^now: {2}cd .* && npm test$/m);
    const ran = await npmTest(folder);
    expect(ran.output).toContain(expected);
    expect(ran.status).toBe(0);
  });

  test('the test of a harness project fails where the guest misses an interrupt', async () => {
    const folder = installed('missing');
    await irqloom(['init', folder]);
    const guest = readFileSync(join(folder, 'guest.mjs'), 'utf8');
    writeFileSync(join(folder, 'guest.mjs'), guest.replace('device, 1)', 'device, 2)'));
    expect((await npmTest(folder)).status).not.toBe(0);
  });
});

describe('irqloom init', () => {
  test('init makes a missing folder, with a package.json that asks for irqloom', async () => {
    const folder = join(all, 'new', 'one');
    const { status, stdout } = await irqloom(['init', folder]);
    expect(status).toBe(0);
    expect(stdout).toContain('npm install && npm test');
    const { dependencies, scripts } = readJson(join(folder, 'package.json'));
    expect(dependencies.irqloom).toBe(`^${readJson(join(ROOT, 'package.json')).version}`);
    expect(scripts.test).toBe('node --test');
  });

  test('init keeps the fields of package.json, and replaces the placeholder of npm init', async () => {
    const folder = installed('kept');
    const before = {
      name: 'mine',
      scripts: { test: 'echo "Error: no test specified" && exit 1', lint: 'x' },
    };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(before));
    expect((await irqloom(['init', folder])).status).toBe(0);
    expect(readJson(join(folder, 'package.json'))).toMatchObject({
      name: 'mine',
      scripts: { test: 'node --test', lint: 'x' },
    });
  });

  test.each([
    ['a file', { 'notes.txt': 'mine' }, 'is not empty (notes.txt)'],
    [
      'a test script',
      { 'package.json': '{ "scripts": { "test": "mocha" } }' },
      'has a script "test" already',
    ],
    ['a broken package.json', { 'package.json': '{' }, 'package.json cannot be read'],
  ])('a folder with %s is left as it is, with status 2', async (name, files, expected) => {
    const folder = join(all, name);
    mkdirSync(folder);
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
    const { status, stdout, stderr } = await irqloom(['init', folder]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(expected);
    expect(readdirSync(folder)).toEqual(Object.keys(files));
    for (const [path, text] of Object.entries(files))
      expect(readFileSync(join(folder, path), 'utf8')).toBe(text);
  });

  test('init refuses a file in the place of a folder, and an unknown kind', async () => {
    writeFileSync(join(all, 'plain'), '');
    expect((await irqloom(['init', join(all, 'plain')])).status).toBe(2);
    const { status, stderr } = await irqloom(['init', '--kind', 'harnes', join(all, 'other')]);
    expect(status).toBe(2);
    expect(stderr).toContain('harness, scenario, vitest, program');
  });
});
