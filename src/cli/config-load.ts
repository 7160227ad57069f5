import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { BuildFailure, Plugin } from 'esbuild';
import { readInputFile } from '../base/input-file.ts';
import { IrqError } from '../base/irq-error.ts';
import { readThrown } from '../base/thrown.ts';
import type { ConfigAnswer } from './config-entry.ts';

/** The names of the file in the working directory; `--config` takes any name with one of these extensions. */
export const CONFIG_NAMES = ['.ts', '.mjs', '.js', '.json'].map((extension) => `irqloom.config${extension}`);

/** A file of defaults has at most so many bytes. */
const MOST_BYTES = 2 ** 20;

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

/** The purpose of a file, for errors about the file. */
export type FileKind = {
  readonly holds: string;
  /** Completes `FILE … : it has to end in .ts`. */
  readonly lacks: string;
  /** An example of a right default export. */
  readonly right: string;
};

const DEFAULTS: FileKind = {
  holds: 'the defaults of flags',
  lacks: 'gives no defaults',
  right: 'export default { explore: { seconds: 10 } }',
};

/**
 * The default export of a file of defaults. JavaScript and TypeScript may import files beside them, packages, and `irqloom`.
 * @throws IrqError `ERR_FILE` where there is no such file, `ERR_USAGE` where the file cannot be loaded
 */
export async function loadConfig(file: string, kind: FileKind = DEFAULTS): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path)) throw new IrqError('ERR_FILE', `there is no file ${file}`);
  const text = readInputFile(path, kind.holds, MOST_BYTES).toString('utf8');
  const extension = extname(path);
  if (!/^\.(?:[cm]?[jt]s|json)$/.test(extension))
    throw new IrqError('ERR_USAGE', `${file} ${kind.lacks}: its name has to end in .ts, .mjs, .js or .json`);
  if (extension === '.json') {
    try {
      return JSON.parse(text.replace(/^\uFEFF/, ''));
    } catch (error) {
      throw cannotLoad(file, readThrown(error).message, error);
    }
  }
  const address = await compiled(path).catch((error: unknown) => {
    throw cannotLoad(file, describe(error), error);
  });
  const answer = await evaluated(address, file);
  if (answer.kind === 'value') return answer.value;
  if (answer.kind === 'threw') throw cannotLoad(file, answer.message);
  throw new IrqError('ERR_USAGE', `${file} has no default export; right would be: ${kind.right}`);
}

function cannotLoad(file: string, why: string, cause?: unknown): IrqError {
  return new IrqError('ERR_USAGE', `${file} cannot be loaded: ${why}`, { cause });
}

/** The code of a file of defaults may take so long, ms. */
const EVALUATION_MS = 10_000;

/**
 * The default export of the module at an address. A thread of its own evaluates the module and then ends, so neither
 * open handles, nor changed built-in objects, nor an exit of the module reach the caller.
 * @throws IrqError `ERR_USAGE` for a module that has no end, ends its thread, or exports no plain value
 */
async function evaluated(address: string, file: string): Promise<ConfigAnswer> {
  const worker = new Worker(new URL('./config-entry.js', import.meta.url), { workerData: address });
  let bound: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ConfigAnswer>((resolve, reject) => {
      const refuse = (why: string) => reject(cannotLoad(file, why));
      bound = setTimeout(
        () => refuse(`its code was not over after ${EVALUATION_MS / 1000} s`),
        EVALUATION_MS,
      );
      worker.once('message', resolve);
      worker.once('messageerror', (error) => refuse(readThrown(error).message));
      worker.once('error', (error) => refuse(readThrown(error).message));
      worker.once('exit', () => refuse('its code ended its thread, or awaits a promise that never settles'));
    });
  } finally {
    clearTimeout(bound);
    await worker.terminate();
  }
}

/** The file and its imports, as JavaScript behind one address: the compiler writes no file. */
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
  const [first] = (error as Partial<BuildFailure> | undefined)?.errors ?? [];
  if (first === undefined) return readThrown(error).message;
  const { text, location } = first;
  return location === null
    ? text
    : `${text} (${location.file}:${location.line}:${location.column + 1}: ${location.lineText.trim()})`;
}
