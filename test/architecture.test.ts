import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The floors, top first. Imports point down; the folders of one floor do not import each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['cli', 'vitest'],
  ['report'],
  // The debate runs the load generator on every design: it stands on the contract of `stress`.
  ['debate'],
  ['stress', 'measuring', 'recorded', 'conformance', 'races'],
  ['guest'],
  ['threads', 'explore'],
  ['board'],
  ['kvm'],
  ['its', 'gic'],
  ['arch'],
  ['measure'],
  ['memory'],
  // TRANSITION: the explorer still imports `errors`, two lines that re-export `base`.
  ['errors'],
  ['base'],
];

/** Folders that may speak of Atomics: the primitives, the explorer, which stands in for it, and programs given to it. */
const ATOMIC = new Set(['memory', 'explore', 'races']);

type Source = { readonly path: string; readonly text: string };

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(ROOT, folder, name), 'utf8') }));
}

const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"])\/\/.*$/gm, '$1');

/** Folder of `src` that a file lies in; the empty string for files of `src` itself. */
function folderOf(path: string): string {
  const [, folder = '', ...rest] = path.split('/');
  return rest.length === 0 ? '' : folder;
}

function importsOf({ path, text }: Source): string[] {
  const found = withoutComments(text).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map(([, specifier = '']) => relative(ROOT, resolve(ROOT, dirname(path), specifier)));
}

/** What is wrong with the imports of some files. */
function climbsIn(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap((target) => {
      const [from, to] = [folderOf(source.path), folderOf(target)];
      if (from === '' || from === to) return [];
      const floor = FLOORS.findIndex((folders) => folders.includes(from));
      const below = FLOORS.findIndex((folders) => folders.includes(to));
      if (floor < 0) return [`${source.path}: "${from}" is on no floor`];
      return below > floor ? [] : [`${source.path} imports ${target}`];
    }),
  );
}

function atomicsIn(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !ATOMIC.has(folderOf(path)))
    .filter(({ text }) => /\bAtomics\s*[.[]/.test(withoutComments(text)))
    .map(({ path }) => path);
}

describe('the floors of src', () => {
  const sources = sourcesIn('src');

  test('imports only flow down', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(climbsIn(sources)).toEqual([]);
  });

  test('an import that climbs, and one between neighbours, are found', () => {
    const climbing = { path: 'src/memory/word.ts', text: "import { Its } from '../its/its.ts';" };
    const sideways = { path: 'src/its/its.ts', text: "export { Gic } from '../gic/gic.ts';" };
    const dynamic = { path: 'src/kvm/vm.ts', text: "const m = await import('../board/machine.ts');" };
    expect(climbsIn([climbing, sideways, dynamic])).toHaveLength(3);
    expect(climbsIn([{ path: 'src/attic/a.ts', text: "import '../base/codes.ts';" }])).toEqual([
      'src/attic/a.ts: "attic" is on no floor',
    ]);
  });

  test('only the floor of memory, and the explorer, speak of Atomics', () => {
    expect(atomicsIn([...sources, ...sourcesIn('workers')])).toEqual([]);
  });

  test('Atomics elsewhere is found, in a comment it is not', () => {
    const use = { path: 'src/gic/gic.ts', text: 'Atomics.load(words, 0);' };
    const said = { path: 'src/gic/gic.ts', text: '/** See Atomics.load */ // Atomics.add' };
    expect(atomicsIn([use, said])).toEqual(['src/gic/gic.ts']);
  });
});

describe('workers', () => {
  test('are a few lines each: they bind and call', () => {
    for (const { path, text } of sourcesIn('workers')) {
      expect(withoutComments(text).trim().split('\n').length, path).toBeLessThanOrEqual(5);
    }
  });
});

describe('sizes', () => {
  test('no source file says two things at once: 400 lines are the cap', () => {
    const long = sourcesIn('src').filter(({ text }) => text.split('\n').length > 401);
    expect(long.map(({ path }) => path)).toEqual([]);
  });
});
