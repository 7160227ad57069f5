/** Blocks of TypeScript, and what pages say that a command prints: explorer.md, campaigns.md, README.md. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test, vi } from 'vitest';
import { type Block, blocksOf, runLine } from './blocks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
// Within the package, so that code finds `irqloom` by its name.
const folder = mkdtempSync(join(ROOT, 'dist/code-'));
afterAll(() => rmSync(folder, { recursive: true }));
vi.setConfig({ testTimeout: 240_000 });

const LOST = `export const add = (w) => Atomics.store(w, 0, Atomics.load(w, 0) + 1);
export default { words: 1, threads: { a: add, b: add } };\n`;

const typescript = (page: string) => blocksOf(page).filter(({ kind }) => kind === 'ts');

/** The block of a page that begins with a command, and its lines from `first` on that no seed changes. */
function printed(blocks: readonly Block[], command: string, first: RegExp): string[] {
  const { code } = blocks.find(({ code }) => code.startsWith(`$ ${command}`)) ?? { code: '' };
  const lines = code.split('\n');
  const from = lines.findIndex((line) => first.test(line));
  return lines.slice(from < 0 ? lines.length : from).filter((line) => !/^(token|repeat) /.test(line));
}

/** Lines of a page that a command has not printed, in this order. */
function unprinted(lines: readonly string[], said: string): string[] {
  let at = 0;
  return lines.filter((line) => {
    const found = said.indexOf(line, at);
    if (found >= 0) at = found + line.length;
    return found < 0;
  });
}

test('the scenario of explorer.md fails as the page says, to the line', async () => {
  const [scenario] = typescript('explorer.md');
  writeFileSync(join(folder, 'lost-update.ts'), scenario?.code ?? '');
  const { status, said } = await runLine('npx irqloom explore lost-update.ts', folder);
  expect(status).toBe(1);
  const lines = printed(blocksOf('explorer.md'), 'npx irqloom explore lost-update.ts', /^exception/);
  expect(lines.length).toBeGreaterThan(8);
  expect(unprinted(lines, said)).toEqual([]);
  expect(unprinted(['  1   left   load   s.count[0]  = 1'], said)).toHaveLength(1);
});

test('README.md shows the failure of its example as the command prints the failure', async () => {
  const lines = printed(
    blocksOf('../README.md'),
    'npx irqloom explore examples/lost-update.mjs --seed 1',
    /^exception/,
  );
  const { status, said } = await runLine('npx irqloom explore examples/lost-update.mjs --seed 1', ROOT);
  expect(status).toBe(1);
  expect(lines.length).toBeGreaterThan(8);
  expect(unprinted(lines, said)).toEqual([]);
});

test('the test and the configuration of explorer.md run in vitest, and a test that loses an update fails there', async () => {
  const own = join(folder, 'vitest');
  mkdirSync(own);
  const [, everyInterleaving, config] = typescript('explorer.md').map(({ code }) => code);
  writeFileSync(join(own, 'vitest.config.ts'), config ?? '');
  const lost = `
const lossy = (words: Int32Array) => void (words[0] = (words[0] ?? 0) + 1);
test('an update is lost', () => {
  everyInterleaving({ words: 1, threads: { a: lossy, b: lossy }, finally: (words) => expect(words[0]).toBe(2) });
});
`;
  writeFileSync(join(own, 'updates.test.ts'), everyInterleaving + lost);
  const vitest = `'${process.execPath}' '${join(ROOT, 'node_modules/vitest/vitest.mjs')}' run --root .`;
  const { status, said } = await runLine(vitest, own);
  expect(status, said).toBe(1);
  expect(said).toMatch(/1 failed \| 1 passed/);
  expect(said).toContain('FAIL  updates.test.ts > an update is lost');
});

test('an object that each thread makes for itself, as explorer.md shows, is there in each run', async () => {
  const [, , , part] = typescript('explorer.md');
  expect(part?.code).toMatch(/^own: /);
  writeFileSync(
    join(folder, 'queue.ts'),
    `class Queue {
  #words: Int32Array;
  constructor(words: Int32Array) { this.#words = words; }
  push(n: number) { Atomics.add(this.#words, 0, n); }
}
export default {
  name: 'queue',
  setup: () => ({ words: new Int32Array(new SharedArrayBuffer(4)) }),
  ${part?.code}
  finally: ({ words }: { words: Int32Array }) => { if (words[0] !== 1) throw new Error(\`\${words[0]} pushed\`); },
};
`,
  );
  const { status, said } = await runLine('npx irqloom explore queue.ts', folder);
  expect(status, said).toBe(0);
});

test('the campaign of campaigns.md is one, and a misspelt part of it is not', async () => {
  const [campaign] = typescript('campaigns.md');
  mkdirSync(join(folder, 'scenarios'));
  for (const file of ['queue.mjs', 'scenarios/one.mjs', 'code.wasm']) writeFileSync(join(folder, file), LOST);
  const file = join(folder, 'irqloom.campaign.ts');
  writeFileSync(file, campaign?.code ?? '');
  // The thread that loads a campaign starts from dist.
  const built = join(ROOT, 'dist/src/cli/campaign-load.js');
  const { loadCampaign } = (await import(built)) as typeof import('../../src/cli/campaign-load.ts');
  await expect(loadCampaign(file)).resolves.toMatchObject({});
  const misspelt = join(folder, 'misspelt.campaign.ts');
  writeFileSync(misspelt, readFileSync(file, 'utf8').replace('schedules:', 'shedules:'));
  await expect(loadCampaign(misspelt)).rejects.toThrow('shedules');
});
