import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { parseSource } from './syntax.ts';

/** How Node.js loads a file. */
export type ModuleFormat = 'module' | 'commonjs' | 'json' | 'native';

const BY_EXTENSION: Readonly<Record<string, ModuleFormat>> = {
  '.mjs': 'module',
  '.mts': 'module',
  '.cjs': 'commonjs',
  '.cts': 'commonjs',
  '.json': 'json',
  '.node': 'native',
};

const types = new Map<string, ModuleFormat | undefined>();

/**
 * The format of a file by Node.js's rules: its extension, then the `type` of its package. In a package without `type`,
 * a file with `import` or `export` is a module, as in newer versions of Node.js.
 */
export function formatOf(file: string): ModuleFormat {
  const extension = extname(file);
  return (
    BY_EXTENSION[extension] ??
    typeOf(dirname(file)) ??
    (looksLikeModule(file, extension) ? 'module' : 'commonjs')
  );
}

/** The `type` of the nearest package.json, up to the next folder of packages; undefined for none. */
function typeOf(folder: string): ModuleFormat | undefined {
  const known = types.get(folder);
  if (known !== undefined || types.has(folder)) return known;
  const file = join(folder, 'package.json');
  const parent = dirname(folder);
  let type: ModuleFormat | undefined;
  if (existsSync(file)) type = typeIn(file);
  else if (parent !== folder && basename(folder) !== 'node_modules') type = typeOf(parent);
  types.set(folder, type);
  return type;
}

function typeIn(file: string): ModuleFormat | undefined {
  try {
    const { type } = JSON.parse(readFileSync(file, 'utf8')) as { type?: unknown };
    return type === 'module' ? 'module' : type === 'commonjs' ? 'commonjs' : undefined;
  } catch {
    // A damaged file: the package's resolver reports the damage.
    return undefined;
  }
}

function looksLikeModule(file: string, extension: string): boolean {
  const code = readFileSync(file, 'utf8');
  if (!/\b(?:import|export)\b/.test(code)) return false;
  // The parser does not take TypeScript; all TypeScript counts as modules.
  if (extension !== '.js') return true;
  try {
    parseSource(code, 'script');
    return false;
  } catch {
    return true;
  }
}
