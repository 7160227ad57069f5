import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Plugin } from 'esbuild';
import { IrqError } from '../base/irq-error.ts';
import { readThrown } from '../base/thrown.ts';

/** The code under test: the files of scenarios, all that they import, and the files that the campaign names. */
export type Code = {
  /** Folder that all paths are relative to: the deepest that holds every file. */
  readonly root: string;
  /** SHA-256 of paths and contents, in hexadecimal. */
  readonly hash: string;
  /** Paths with `/` between folders, in order, and contents as base64. */
  readonly text: string;
};

/** More is no code under test. */
const MOST_BYTES = 64 * 2 ** 20;

/** The root of this package, with `src` and `dist`. */
const OWN = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../../' : '../../', import.meta.url),
);

/**
 * Reads the code under test. Packages are read file by file, as far as they are imported; irqloom itself stays out, since each
 * worker has its own.
 * @param entries - absolute paths of scenario files
 * @param extra - absolute paths of files that scenarios read and do not import
 * @throws IrqError `ERR_SCENARIO` where a file cannot be read as JavaScript or TypeScript, or the code is too large
 */
export async function packCode(entries: readonly string[], extra: readonly string[]): Promise<Code> {
  const files = new Set([...entries, ...extra, ...(await importsOf(entries))]);
  for (const file of [...files]) for (const manifest of manifestsAbove(file)) files.add(manifest);
  const root = commonFolder(files.size === 0 ? [join(process.cwd(), 'none')] : [...files]);
  let bytes = 0;
  const packed = [...files]
    .map((file) => [relative(root, file).split(sep).join('/'), file] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, file]) => {
      const content = readFileSync(file);
      bytes += content.length;
      return [path, content.toString('base64')];
    });
  if (bytes > MOST_BYTES)
    throw new IrqError(
      'ERR_SCENARIO',
      `the code under test has ${Math.ceil(bytes / 2 ** 20)} MB in ${packed.length} files, and ${MOST_BYTES / 2 ** 20} MB is the most`,
    );
  const text = JSON.stringify(packed);
  return { root, hash: hashOf(text), text };
}

/** The code in the form that travels: compressed. */
export function toBytes({ text }: Pick<Code, 'text'>): Promise<Buffer> {
  return promisify(gzip)(text) as Promise<Buffer>;
}

/**
 * Writes the code from {@link toBytes} into a folder of its own, unless that folder exists.
 * @returns the root of the code
 * @throws IrqError `ERR_RESULT_FORMAT` if the content has another hash, or a path leads out of the folder
 */
export async function unpackCode(bytes: Uint8Array, hash: string, cache: string): Promise<string> {
  const folder = join(cache, hash);
  const root = join(folder, 'code');
  if (existsSync(root)) return root;
  const text = await (promisify(gunzip)(bytes, { maxOutputLength: 2 * MOST_BYTES }) as Promise<Buffer>)
    .then((unzipped) => unzipped.toString())
    .catch((error: unknown) => readThrown(error).message);
  if (hashOf(text) !== hash)
    throw new IrqError(
      'ERR_RESULT_FORMAT',
      `the code under test was damaged on its way: its hash is ${hashOf(text)}, and was ${hash} when the campaign began`,
    );
  mkdirSync(cache, { recursive: true });
  const building = mkdtempSync(join(cache, 'part-'));
  for (const [path = '', content = ''] of JSON.parse(text) as string[][]) {
    const target = join(building, 'code', path);
    if (relative(join(building, 'code'), target).startsWith('..'))
      throw new IrqError(
        'ERR_RESULT_FORMAT',
        `the code under test has a file outside of its folder: ${path}`,
      );
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, Buffer.from(content, 'base64'));
  }
  // Above the code, so that no file of the code is in the way: Node.js looks there for a package last.
  mkdirSync(join(building, 'node_modules'));
  symlinkSync(OWN, join(building, 'node_modules', 'irqloom'), 'dir');
  try {
    renameSync(building, folder);
  } catch (error) {
    rmSync(building, { recursive: true });
    // Another process may have been first.
    if (!existsSync(root)) throw error;
  }
  return root;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function importsOf(entries: readonly string[]): Promise<string[]> {
  if (entries.length === 0) return [];
  const { build } = await import('esbuild');
  const outside = process.cwd();
  const { metafile } = await build({
    entryPoints: [...entries],
    absWorkingDir: outside,
    bundle: true,
    write: false,
    metafile: true,
    outdir: outside,
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    conditions: [],
    mainFields: ['main'],
    logLevel: 'silent',
    loader: { '.node': 'empty', '.wasm': 'empty' },
    plugins: [withoutOwn],
  }).catch((error: unknown) => {
    throw new IrqError('ERR_SCENARIO', `the code under test cannot be read: ${readThrown(error).message}`);
  });
  return Object.keys(metafile.inputs).map((path) => join(outside, path));
}

/** Keeps Node.js's modules and irqloom out. */
const withoutOwn: Plugin = {
  name: 'irqloom-campaign',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path }) =>
      isBuiltin(path) || path === 'irqloom' || path.startsWith('irqloom/')
        ? { path, external: true }
        : undefined,
    );
  },
};

/** The package.json files above a file, up to the nearest: they say which format the file has. */
function manifestsAbove(file: string): string[] {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) return [manifest];
    if (folder === dirname(folder)) return [];
  }
}

function commonFolder(files: readonly string[]): string {
  const [first = [], ...others] = files.map((file) => dirname(file).split(sep));
  let depth = first.length;
  for (const other of others) {
    let same = 0;
    while (same < depth && other[same] === first[same]) same++;
    depth = same;
  }
  return first.slice(0, depth).join(sep) || sep;
}
