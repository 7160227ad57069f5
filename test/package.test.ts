import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { files, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  files: string[];
  exports: Record<string, string | { readonly types: string }>;
};

/** What `npm pack` makes of a folder. */
interface Packed {
  /** Bytes, compressed. */
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

async function packed(folder: string): Promise<Packed> {
  const words = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', words, { cwd: folder, maxBuffer: 2 ** 26 });
  const [pack] = JSON.parse(stdout) as [Packed];
  return pack;
}

/** The package of this project. */
const thisPackage = packed(ROOT);

test('the package has one file of declarations for each entry, and files that entries share, but none of a module inside', {
  timeout: 120_000,
}, async () => {
  const entries = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : [normalize(target.types)],
  );
  const paths = (await thisPackage).files.map(({ path }) => path);
  const declarations = paths.filter((path) => path.endsWith('.d.ts'));
  const shared = declarations.filter((path) => /^dist\/types\/shared\d*\.d\.ts$/.test(path));
  expect(declarations.sort()).toEqual([...entries, ...shared].sort());
  // The declarations of modules inside are in the folder, and have to be left out.
  expect(paths).toContain('dist/src/cli/init.js');
  expect(existsSync(join(ROOT, 'dist/src/cli/init.d.ts'))).toBe(true);
});

test('every file that package.json lists for the package exists', () => {
  const paths = files.filter((file) => !file.startsWith('!'));
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  for (const folder of ['docs', 'examples', 'templates']) expect(paths).toContain(folder);
});

/** Links of a page of the package to files that the package has not. */
function lostLinks(page: string, text: string, paths: readonly string[]): string[] {
  const links = text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g);
  return [...links]
    .map(([, path = '']) => normalize(join(page, '..', path)))
    .filter((path) => !paths.includes(path));
}

test('a link of the README, or of a page of the package, leads to a file of the package', async () => {
  const paths = (await thisPackage).files.map(({ path }) => path);
  const pages = paths.filter((path) => /^(?:README|docs\/.*)\.md$/.test(path));
  expect(pages).toContain('README.md');
  const lost = pages.flatMap((page) => lostLinks(page, readFileSync(join(ROOT, page), 'utf8'), paths));
  expect(lost).toEqual([]);
  expect(lostLinks('docs/a.md', '[a](guards.md) [b](../README.md#x) [c](https://x)', paths)).toEqual([
    'docs/guards.md',
  ]);
});

/** The package is at most so large, packed, bytes. */
const MOST_BYTES = 1_000_000;

test('the package is at most 1.0 MB packed', { timeout: 120_000 }, async () => {
  expect((await thisPackage).size).toBeLessThanOrEqual(MOST_BYTES);
  const large = mkdtempSync(join(tmpdir(), 'irqloom-large-'));
  try {
    writeFileSync(join(large, 'package.json'), '{ "name": "large", "version": "1.0.0" }');
    writeFileSync(join(large, 'noise.bin'), randomBytes(MOST_BYTES));
    expect((await packed(large)).size).toBeGreaterThan(MOST_BYTES);
  } finally {
    rmSync(large, { recursive: true });
  }
});

test('JavaScript of the package has no comments and no empty lines, and each line is where its source map says', () => {
  const path = join(ROOT, 'dist/src/cli/exit.js');
  const text = readFileSync(path, 'utf8');
  const source = readFileSync(join(ROOT, 'src/cli/exit.ts'), 'utf8');
  const comment = 'Exit statuses of every command.';
  expect(source).toContain(comment);
  expect(text).not.toContain(comment);
  expect(text).not.toContain('sourceMappingURL');
  expect(text.trimEnd().split('\n')).not.toContain('');
  const map = new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')));
  for (const code of [
    'export const EXIT',
    'export function exitStatusOf',
    'export async function interrupt',
  ]) {
    const line = text.split('\n').findIndex((each) => each.startsWith(code));
    const entry = map.findEntry(line, 0);
    if (!('originalLine' in entry)) throw new Error(`no place in the source for ${code}`);
    expect(source.split('\n')[entry.originalLine]).toContain(code);
  }
});

test('declarations have no comments on members of the parts that no entry exports, and those on the rest', async () => {
  const declarations = (await thisPackage).files
    .filter(({ path }) => path.endsWith('.d.ts'))
    .map(({ path }) => readFileSync(join(ROOT, path), 'utf8'))
    .join('\n');
  const body = (name: string): string =>
    new RegExp(`declare (?:abstract )?class ${name}\\b[\\s\\S]*?\\n}`).exec(declarations)?.[0] ?? '';
  expect(body('Interrupts')).toContain('retarget(');
  expect(body('Interrupts')).not.toContain('/**');
  expect(readFileSync(join(ROOT, 'src/gic/interrupts.ts'), 'utf8')).toMatch(/\*\/\n {2}retarget\(/);
  // Users call the methods of a VM, which a class without an exported name declares.
  for (const name of ['GenericVm', 'GuestMemory', 'BootedMachine']) expect(body(name)).toContain('/**');
});
