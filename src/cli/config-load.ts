import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Plugin } from 'esbuild';
import { IrqError } from '../base/irq-error.ts';
import { readThrown } from '../base/thrown.ts';

/** The names of the file in the working directory; `--config` takes any name with one of these extensions. */
export const CONFIG_NAMES = ['.ts', '.mjs', '.js', '.json'].map((extension) => `irqloom.config${extension}`);

/** This package, whichever copy the file would find, or where the file would find none. */
const OWN = new URL('../index.js', import.meta.url).href;

/** The file of defaults in the working directory. @throws IrqError `ERR_USAGE` where there are several */
export function findConfig(): string | undefined {
  const [found, second] = CONFIG_NAMES.filter((name) => existsSync(name));
  if (second !== undefined)
    throw new IrqError(
      'ERR_USAGE',
      `${found} and ${second} both give defaults: remove one, or name one with --config`,
    );
  return found;
}

/**
 * What a file of defaults exports. JavaScript and TypeScript may import files beside them, packages, and `irqloom`.
 * @throws IrqError `ERR_FILE` where there is no such file, `ERR_USAGE` where it cannot be loaded
 */
export async function loadConfig(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path)) throw new IrqError('ERR_FILE', `there is no file ${file}`);
  const extension = extname(path);
  if (!/^\.(?:[cm]?[jt]s|json)$/.test(extension))
    throw new IrqError('ERR_USAGE', `${file} gives no defaults: it has to end in .ts, .mjs, .js or .json`);
  let exports: object;
  try {
    if (extension === '.json') return JSON.parse(readFileSync(path, 'utf8'));
    exports = (await import(await compiled(path))) as object;
  } catch (error) {
    throw new IrqError('ERR_USAGE', `${file} cannot be loaded: ${describe(error)}`, { cause: error });
  }
  if ('default' in exports) return exports.default;
  throw new IrqError(
    'ERR_USAGE',
    `${file} has no default export; right would be: export default { explore: { seconds: 10 } }`,
  );
}

/** The file and those that it imports, as JavaScript behind one address: nothing is written. */
async function compiled(path: string): Promise<string> {
  const { build } = await import('esbuild');
  const { href } = pathToFileURL(path);
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    charset: 'utf8',
    logLevel: 'silent',
    define: { 'import.meta.url': JSON.stringify(href) },
    plugins: [resolver],
  });
  const [{ text } = { text: '' }] = outputFiles;
  return `data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`;
}

const SEEN = { irqloom: 'resolved by the bundler' };

/** Packages stay packages, by their addresses: a module behind an address of its own finds no other. */
const resolver: Plugin = {
  name: 'irqloom-config',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (pluginData === SEEN || kind === 'entry-point') return undefined;
      if (path === 'irqloom') return { path: OWN, external: true };
      if (isBuiltin(path)) return { path: path.replace(/^(?:node:)?/, 'node:'), external: true };
      const found = await builder.resolve(path, {
        kind,
        importer,
        resolveDir: resolveDir || dirname(importer),
        pluginData: SEEN,
      });
      if (found.errors.length > 0 || found.external) return found;
      return { path: pathToFileURL(found.path).href, external: true };
    });
  },
};

function describe(error: unknown): string {
  const [first] = (error as Partial<BuildFailure>).errors ?? [];
  if (first === undefined) return readThrown(error).message;
  const { text, location } = first;
  return location === null
    ? text
    : `${text} (${location.file}:${location.line}:${location.column + 1}: ${location.lineText.trim()})`;
}
