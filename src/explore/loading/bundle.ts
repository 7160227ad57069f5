import { isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildFailure, build, type OnResolveArgs, type OnResolveResult, type Plugin } from 'esbuild';
import { IrqError } from '../../base/irq-error.ts';
import { CHECKS } from '../telling/sites.ts';
import { formatOf } from './module-format.ts';
import { BundleMap } from './places.ts';

/** All ECMAScript modules that a file imports, as one. */
export type Bundle = {
  readonly code: string;
  readonly map: BundleMap;
};

/** The prefix of a CommonJS module's path in the bundle's imports: these modules are loaded one by one. */
export const COMMONJS = 'irqloom-commonjs:';

/** The explorer itself: there is only one, and the explorer is not code under test. */
const EXPLORER = fileURLToPath(new URL('..', import.meta.url));
const EXPLORER_SOURCE = EXPLORER.replace(/dist([/\\])src/, 'src');

const SEEN = { irqloom: 'resolved by the bundler' };

/**
 * Bundles a module and its imports, TypeScript included, into one text of JavaScript. Leaves out Node.js's own modules,
 * CommonJS modules, the explorer, and assertion libraries.
 * @throws IrqError `ERR_SCENARIO` if a file has a syntax error or cannot be found.
 */
export async function bundle(file: string): Promise<Bundle> {
  const folder = dirname(file);
  try {
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      outdir: folder,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      // Resolves as Node.js does, and not as bundlers prefer.
      conditions: [],
      mainFields: ['main'],
      ignoreAnnotations: true,
      sourcemap: 'external',
      sourcesContent: false,
      charset: 'utf8',
      logLevel: 'silent',
      plugins: [resolver],
    });
    const code = outputFiles.find(({ path }) => !path.endsWith('.map'))?.text ?? '';
    const map = outputFiles.find(({ path }) => path.endsWith('.map'))?.text ?? '{}';
    return { code, map: new BundleMap(map, folder) };
  } catch (error) {
    throw new IrqError('ERR_SCENARIO', `${file} cannot be loaded: ${describe(error)}`, { cause: error });
  }
}

function describe(error: unknown): string {
  const [first] = (error as Partial<BuildFailure>).errors ?? [];
  if (first === undefined) return error instanceof Error ? error.message : String(error);
  const { text, location } = first;
  const kind = /^(?:Expected|Unexpected|Unterminated|Syntax|Invalid)/.test(text) ? 'SyntaxError: ' : '';
  if (location === null) return kind + text;
  return `${kind}${text} (${location.file}:${location.line}:${location.column + 1}: ${location.lineText.trim()})`;
}

const resolver: Plugin = {
  name: 'irqloom',
  setup(builder) {
    builder.onResolve(
      { filter: /.*/ },
      async (asked: OnResolveArgs): Promise<OnResolveResult | undefined> => {
        const { path, kind, importer, resolveDir, pluginData } = asked;
        if (pluginData === SEEN || kind === 'entry-point') return undefined;
        if (isBuiltin(path))
          return { path: path.startsWith('node:') ? path : `node:${path}`, external: true };
        const found = await builder.resolve(path, { kind, importer, resolveDir, pluginData: SEEN });
        if (found.errors.length > 0 || found.external) return found;
        return keepOut(found.path) ?? found;
      },
    );
  },
};

function keepOut(path: string): OnResolveResult | undefined {
  for (const folder of [EXPLORER, EXPLORER_SOURCE]) {
    // The running explorer, for an import of any copy of the explorer.
    if (!path.startsWith(folder)) continue;
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    const own = EXPLORER + path.slice(folder.length).replace(/\.[jt]s$/, extension);
    return { path: pathToFileURL(own).href, external: true };
  }
  if (CHECKS.test(path)) return { path: pathToFileURL(path).href, external: true };
  const format = formatOf(path);
  if (format === 'commonjs') return { path: COMMONJS + path, external: true };
  if (format === 'native') return { path: COMMONJS + path, external: true };
  return undefined;
}
