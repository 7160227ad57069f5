import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { files, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  files: string[];
  exports: Record<string, string | { readonly types: string }>;
};

/** The declarations that the given ones need, themselves among them. */
function declarationsOf(entries: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const todo = [...entries];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const text = readFileSync(join(ROOT, path), 'utf8');
    for (const [, name = ''] of text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g))
      todo.push(normalize(join(dirname(path), name)).replace(/\.[jt]s$/, '.d.ts'));
  }
  return seen;
}

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

test('the package has the declarations that those of its entries need, and no others', {
  timeout: 120_000,
}, async () => {
  const entries = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : [target.types],
  );
  const needed = declarationsOf(entries.map((path) => normalize(path)));
  expect(needed.size).toBeGreaterThan(50);
  const paths = (await packed(ROOT)).files.map(({ path }) => path);
  expect(paths.filter((path) => path.endsWith('.d.ts')).sort()).toEqual([...needed].sort());
  // That of a command has to be left out by name: the file is there.
  expect(declarationsOf(['dist/src/cli/init.d.ts'])).toContain('dist/src/cli/init.d.ts');
  expect(paths).toContain('dist/src/cli/init.js');
  expect(paths).not.toContain('dist/src/cli/init.d.ts');
});

test('every file that package.json lists for the package exists', () => {
  const paths = files.filter((file) => !file.startsWith('!'));
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  for (const folder of ['docs', 'examples', 'templates']) expect(paths).toContain(folder);
});

/** The package is at most so large, packed, bytes. */
const MOST_BYTES = 1_000_000;

test('the package is at most 1.0 MB packed', { timeout: 120_000 }, async () => {
  expect((await packed(ROOT)).size).toBeLessThanOrEqual(MOST_BYTES);
  const large = mkdtempSync(join(tmpdir(), 'irqloom-large-'));
  try {
    writeFileSync(join(large, 'package.json'), '{ "name": "large", "version": "1.0.0" }');
    writeFileSync(join(large, 'noise.bin'), randomBytes(MOST_BYTES));
    expect((await packed(large)).size).toBeGreaterThan(MOST_BYTES);
  } finally {
    rmSync(large, { recursive: true });
  }
});

test('JavaScript of the package has no comments, and each line is where its source map says', () => {
  const path = join(ROOT, 'dist/src/cli/exit.js');
  const text = readFileSync(path, 'utf8');
  const source = readFileSync(join(ROOT, 'src/cli/exit.ts'), 'utf8');
  const comment = 'Exit statuses of every command.';
  expect(source).toContain(comment);
  expect(text).not.toContain(comment);
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
