import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { files, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  files: string[];
  exports: Record<string, string | { readonly types: string }>;
};

/** Folders of `dist/src` whose declarations are left out of the package. */
const [, left = ''] =
  files.map((file) => /^!dist\/src\/\{(.*)\}\/\*\*\/\*\.d\.ts$/.exec(file)).find(Boolean) ?? [];

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

test('the package has every declaration that those of its entries need', () => {
  const entries = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : [target.types],
  );
  const needed = declarationsOf(entries.map((path) => normalize(path)));
  expect(needed.size).toBeGreaterThan(50);
  const folders = left.split(',');
  expect(folders).toContain('cli');
  const isLeft = (path: string) => folders.includes(path.split('/')[2] ?? '');
  expect([...needed].filter(isLeft)).toEqual([]);
  // That of a command would be missed.
  expect([...declarationsOf(['dist/src/cli/init.d.ts'])].filter(isLeft)).toEqual(['dist/src/cli/init.d.ts']);
});

test('what package.json lists for the package exists', () => {
  const paths = files.filter((file) => !file.startsWith('!'));
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  for (const folder of ['docs', 'examples', 'templates']) expect(paths).toContain(folder);
});
