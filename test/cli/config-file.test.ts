import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'irqloom-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const run = (...words: readonly string[]) => irqloom(words, undefined, {}, folder);

/** The seed and the vCPUs that `layout`, the quickest command, has taken. */
async function layout(...words: readonly string[]): Promise<{ vcpus: number; devices: number }> {
  const { status, stdout, stderr } = await run('layout', ...words);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout).config;
}

describe('the file of defaults', () => {
  test('a file of defaults in TypeScript gives flags their values, with its imports', async () => {
    mkdirSync(join(folder, 'own'));
    write('own/sizes.ts', 'export enum Size { small = 3 }\n');
    write(
      'irqloom.config.ts',
      `import { defineConfig } from 'irqloom';
import { basename } from 'node:path';
import { Size } from './own/sizes.ts';
const devices: number = basename(import.meta.url) === 'irqloom.config.ts' ? 2 : 1;
export default defineConfig({ layout: { vcpus: Size.small, devices, json: true } });
`,
    );
    expect(await layout()).toMatchObject({ vcpus: 3, devices: 2 });
  });

  test.each([
    ['irqloom.config.mjs', 'export default { layout: { vcpus: 5, json: true } };'],
    ['irqloom.config.js', 'export default { layout: { vcpus: 5, json: true } };'],
    ['irqloom.config.json', '{ "layout": { "vcpus": 5, "json": true } }'],
  ])('may be called %s', async (name, text) => {
    write(name, text);
    expect(await layout()).toMatchObject({ vcpus: 5 });
  });

  test('a file of defaults gives way to the command line, and --no-config ignores the file', async () => {
    write('irqloom.config.json', '{ "layout": { "vcpus": 5, "devices": 3, "json": true } }');
    expect(await layout('--vcpus', '2')).toMatchObject({ vcpus: 2, devices: 3 });
    expect(await layout('--no-config', '--json', '--vcpus', '2')).toMatchObject({ vcpus: 2, devices: 256 });
  });

  test('a file of defaults may have another name and place: --config', async () => {
    mkdirSync(join(folder, 'ci'));
    write('ci/layout.mjs', 'export default { layout: { vcpus: 7, json: true } };');
    expect(await layout('--config', 'ci/layout.mjs')).toMatchObject({ vcpus: 7 });
    const { status, stderr } = await run('layout', '--config', 'ci/none.mjs');
    expect(status).toBe(2);
    expect(stderr).toContain('there is no file ci/none.mjs');
  });

  test('a file of defaults gives a list to flags that take several values', async () => {
    write('irqloom.config.json', '{ "scale": { "vcpus": [1, 2], "devices": "1,x" } }');
    const { status, stderr } = await run('scale');
    expect(status).toBe(2);
    expect(stderr).toContain('irqloom.config.json, scale.devices is 1,x: ');
    expect(stderr).not.toContain('scale.vcpus');
  });
});

describe('a mistake in the file of defaults has status 2, and names file and key', () => {
  test.each([
    ['{ "explor": {} }', 'irqloom.config.json, explor: there is no such command; did you mean explore?'],
    [
      '{ "explore": { "dataRace": "fail" } }',
      'irqloom.config.json, explore.dataRace: explore has no such flag; did you mean dataRaces?',
    ],
    ['{ "stress": { "until-covered": 3 } }', 'did you mean untilCovered?'],
    ['{ "layout": { "vcpus": 0 } }', 'irqloom.config.json, layout.vcpus is 0: Give a whole number from 1'],
    ['{ "layout": { "vcpus": [1, 2] } }', 'layout.vcpus is a list; --vcpus takes one value'],
    ['{ "layout": { "json": "yes" } }', 'layout.json is "yes"; right would be true or false'],
    ['{ "layout": { "vcpus": null } }', 'layout.vcpus is null; right would be text or a number'],
    ['{ "explore": { "strategy": "luck" } }', 'explore.strategy is luck: Allowed choices are auto,'],
    ['[]', 'irqloom.config.json is an empty list; right would be an object'],
    ['{ "layout": 3 }', 'irqloom.config.json, layout is number 3; right would be layout: {'],
    ['{', 'irqloom.config.json cannot be loaded: '],
  ])('%s', async (text, says) => {
    write('irqloom.config.json', text);
    const { status, stdout, stderr } = await run('layout');
    expect(stderr).toContain(says);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  test('a file that does not compile, throws, or has no exports, is refused', async () => {
    write('irqloom.config.ts', 'export default {');
    expect((await run('layout')).stderr).toMatch(
      /irqloom\.config\.ts cannot be loaded: Expected .*:1:17: export default \{/,
    );
    write('irqloom.config.ts', 'throw new Error("not today");');
    expect((await run('layout')).stderr).toContain('irqloom.config.ts cannot be loaded: not today');
    write('irqloom.config.ts', 'export const explore = {};');
    expect((await run('layout')).stderr).toContain('irqloom.config.ts has no default export');
  });

  test.each([
    ['throws undefined', 'throw undefined;', 'cannot be loaded: undefined'],
    [
      'throws in a microtask',
      'queueMicrotask(() => { throw new Error("late"); }); await 0; export default {};',
      'cannot be loaded: late',
    ],
    [
      'exports a getter that throws',
      'export default { get layout() { throw null; } };',
      'cannot be loaded: null',
    ],
    ['exports a function', 'export default { layout: { vcpus: () => 3 } };', 'could not be cloned'],
    ['exits', 'process.exit(0);', 'its code ended its thread'],
    [
      'awaits a promise that never settles',
      'await new Promise(() => {}); export default {};',
      'awaits a promise that never settles',
    ],
  ])('a file that %s', async (_, text, says) => {
    write('irqloom.config.mjs', text);
    const { status, stdout, stderr } = await run('layout');
    expect(stderr).toContain(says);
    expect(stderr).not.toContain('a fault of irqloom itself');
    expect([status, stdout]).toEqual([2, '']);
  });

  test.each([
    ['a timer', 'setInterval(() => {}, 1000); export default { layout: { vcpus: 3 } };'],
    [
      'built-in objects changed',
      'process.stdout.write = () => true; process.exit = () => {}; Array.prototype.map = () => []; export default { layout: { vcpus: 3 } };',
    ],
  ])('a file that leaves %s behind leaves it in a thread that has ended', async (_, text) => {
    write('irqloom.config.mjs', text);
    expect((await layout('--json')).vcpus).toBe(3);
  });

  test('an irregular file is refused, and a file with a byte order mark is read', async () => {
    symlinkSync('/dev/zero', join(folder, 'zero.json'));
    const { status, stderr } = await run('layout', '--config', 'zero.json');
    expect(stderr).toContain('is not a regular file');
    expect(status).toBe(2);
    write('irqloom.config.json', '\ufeff{ "layout": { "vcpus": 3 } }');
    expect((await layout('--json')).vcpus).toBe(3);
  });

  test('no output overwrites the file of defaults', async () => {
    const text = '{ "explore": { "seconds": 5 } }';
    write('defaults.json', text);
    const { status, stderr } = await run(
      'explore',
      'lost-update-2x1',
      '--config',
      'defaults.json',
      '--report',
      'defaults.json',
    );
    expect(stderr).toContain('the file is an input of this command');
    expect(status).toBe(2);
    expect(readFileSync(join(folder, 'defaults.json'), 'utf8')).toBe(text);
  });

  test('two files of defaults are refused', async () => {
    write('irqloom.config.ts', 'export default {};');
    write('irqloom.config.json', '{}');
    const { status, stderr } = await run('layout');
    expect(status).toBe(2);
    expect(stderr).toContain('irqloom.config.ts and irqloom.config.json both give defaults');
  });
});

describe('a run with defaults from a file', () => {
  const scenario = readFileSync(join(ROOT, 'examples/lost-update.mjs'), 'utf8').replace(
    'export default',
    'export const counter =',
  );

  test('a run with defaults names a command that repeats its failure without the file', async () => {
    write('lost.mjs', scenario);
    write('irqloom.config.json', '{ "explore": { "export": "counter", "steps": 500, "seed": 3 } }');
    const { status, stdout, stderr } = await run('explore', 'lost.mjs');
    expect(status, stderr).toBe(1);
    const [, line = ''] = /^repeat {2}npx irqloom (.*)$/m.exec(stdout) ?? [];
    expect(line).toMatch(/--export counter --steps 500 --no-config$/);
    write('irqloom.config.json', '{ "replay": { "export": "nothing" } }');
    expect((await run(...line.split(' '))).stdout).toContain('lost-update: exception, replayed');
  });

  test('a run does not count a default as a typed flag where the run has no use for the flag', async () => {
    write('lost.mjs', scenario.replace('export const counter =', 'export default'));
    write('irqloom.config.json', '{ "explore": { "depth": 2 } }');
    const free = ['explore', 'lost.mjs', '--executor', 'free', '--runs', '3'];
    expect([0, 1]).toContain((await run(...free)).status);
    expect((await run(...free, '--depth', '2')).stderr).toContain('--depth is for a search');
  });

  test('an error about flags that exclude each other says which flags come from the file', async () => {
    write('irqloom.config.json', '{ "stress": { "vcpus": 2 } }');
    const { status, stderr } = await run('stress', '--recording', 'none.jsonl.gz');
    expect(status).toBe(2);
    expect(stderr).toContain('irqloom.config.json gives --vcpus; --no-config leaves that file out');
  });
});
