import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { commandsFor } from '../../src/cli/commands.ts';
import { type Block, blocksOf, runLine } from './blocks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
// Within the package, so that code finds `irqloom` by its name.
const all = mkdtempSync(join(ROOT, 'dist/pages-'));
afterAll(() => rmSync(all, { recursive: true }));
vi.setConfig({ testTimeout: 240_000 });

/** What a line of a page may end with: `# status 1`, `# status 0 or 1`; else 0. */
const statusesOf = (line: string): number[] =>
  /# status ([\d or]+)$/.exec(line)?.[1]?.split(' or ').map(Number) ?? [0];

/** Runs a page as its reader would, from the top: `js` blocks are files, of `sh` blocks each line is run. */
async function follow(blocks: readonly Block[], folder: string): Promise<void> {
  mkdirSync(folder);
  for (const { kind, code } of blocks) {
    if (kind === 'js') {
      const [, name] = /^\/\/ (\S+\.mjs)\b/.exec(code) ?? [];
      if (name === undefined) throw new Error(`a block without the name of its file:\n${code}`);
      writeFileSync(join(folder, name), code.slice(code.indexOf('\n') + 1));
    }
    if (kind !== 'sh') continue;
    for (const line of code.trim().split('\n')) {
      const { status, said } = await runLine(line, folder);
      expect(statusesOf(line), `${line}\n${said}`).toContain(status);
    }
  }
}

/** The command lines of irqloom in a block that is not run, without what belongs to the shell. */
const linesIn = (code: string): string[] =>
  [...code.matchAll(/npx irqloom ([^\n;)>]*)/g)]
    .map(([, line = '']) => line.trim())
    .map((line) => line.replace(/ +(#|\|\|).*|["']$/, ''))
    // A server puts its numbers in: any will do.
    .map((line) => line.replace(/\$\{\{[^}]*\}\}\/4|\$CI_NODE_INDEX\/\$CI_NODE_TOTAL/g, '1/4'))
    .map((line) => line.replace(/\$\{\{[^}]*\}\}|\$CI_PIPELINE_IID/g, '7'));

/** Parses a command line with the real flags of its command, which then does nothing. */
async function parse(line: string): Promise<void> {
  const words = line.split(/\s+/);
  const program = new Command('irqloom').version('0').exitOverride();
  for (const command of await commandsFor(words)) program.addCommand(command);
  for (const command of program.commands) {
    command.exitOverride().action(() => undefined);
    command.configureOutput({ writeErr: () => undefined });
  }
  await program.parseAsync(words, { from: 'user' });
}

const PAGES = [
  'install.md',
  'config.md',
  'tutorial-stress.md',
  'tutorial-race.md',
  'tutorial-latency.md',
  'from-c.md',
  'glossary.md',
  'debug-a-failure.md',
  'compared.md',
  'ci.md',
  'campaigns.md',
  'explorer.md',
  'debate.md',
  'measuring.md',
  'reliability.md',
];

describe('the code of a page runs as the page says', () => {
  test.each(PAGES.filter((page) => blocksOf(page).some(({ kind }) => kind === 'sh')))('%s', (page) =>
    follow(blocksOf(page), join(all, page)),
  );

  test('a page whose command ends otherwise is found', async () => {
    const blocks = [{ kind: 'sh', code: 'npx irqloom layout --colour # status 0\n' }];
    await expect(follow(blocks, join(all, 'wrong'))).rejects.toThrow('--colour');
    await expect(follow([{ kind: 'js', code: 'run();\n' }], join(all, 'nameless'))).rejects.toThrow('name');
  });
});

describe('commands of a page that are not run', () => {
  const lines = PAGES.flatMap((page) =>
    blocksOf(page)
      .filter(({ kind }) => kind === 'yaml' || kind === 'console')
      .flatMap(({ code }) => linesIn(code).map((line) => [page, line] as const)),
  ).filter(([, line]) => line !== '--version');

  test.each(lines)('%s: %s', async (_, line) => {
    await parse(line);
  });

  test('are some, and one that does not parse is found', async () => {
    expect(lines.length).toBeGreaterThan(5);
    await expect(parse('explore a.mjs --shards 1/4')).rejects.toThrow('--shards');
  });
});

test('every block of a page is of a kind that a test looks at, or is a picture of output', () => {
  const kinds = new Set(PAGES.flatMap((page) => blocksOf(page).map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual(['', 'c', 'console', 'js', 'sh', 'ts', 'yaml']);
});

/** The scripts of package.json that a line of a shell names and package.json has not. */
function lostScripts(line: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  return [...line.matchAll(/\bnpm (?:run )?([a-z:]+)/g)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'ci' && scripts[name] === undefined);
}

// Not run: `npm ci` would take the ground from under the tests. CI begins with `npm ci` and `npm test`; cli/stress.test.ts runs the command
// of `npm start`, and harness/readme.test.ts the `js` blocks.
test('the lines of the README begin with an install, and name scripts of package.json', () => {
  const blocks = blocksOf('../README.md');
  expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(['', 'js', 'sh']));
  const lines = blocks.filter(({ kind }) => kind === 'sh').flatMap(({ code }) => code.trim().split('\n'));
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    expect(line).toMatch(/^npm ci && npm (start|test) +#/);
    expect(lostScripts(line)).toEqual([]);
  }
  expect(lostScripts('npm ci && npm run begin')).toEqual(['begin']);
});

/** Links of a page to files that do not exist. */
function lostLinks(text: string, folder: string): string[] {
  return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
    .map(([, path = '']) => path)
    .filter((path) => {
      try {
        readFileSync(join(ROOT, folder, path));
        return false;
      } catch {
        return true;
      }
    });
}

test('links between pages lead somewhere', () => {
  for (const page of PAGES)
    expect(lostLinks(readFileSync(join(ROOT, 'docs', page), 'utf8'), 'docs'), page).toEqual([]);
  expect(lostLinks(readFileSync(join(ROOT, 'README.md'), 'utf8'), '.')).toEqual([]);
  expect(lostLinks('[a](no-such-page.md)', 'docs')).toEqual(['no-such-page.md']);
});
