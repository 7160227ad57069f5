import { existsSync, statSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { IrqError } from '../base/irq-error.ts';
import { type CheckedScenario, checkScenario } from './scenario.ts';

const EXTENSIONS = new Set(['.mjs', '.js', '.cjs', '.ts', '.mts']);
let registered = false;

/**
 * Loads a scenario file: `.mjs`, `.js`, or `.ts`, which may import what it likes, TypeScript too. On a Node.js that does
 * not run TypeScript by itself, the `typescript` package of the scenario's own project is used.
 * @param file - path, relative to the working directory.
 * @throws IrqError `ERR_FILE` where there is no such file, `ERR_SCENARIO` where it cannot be loaded or is no scenario.
 */
export async function loadScenario(file: string): Promise<CheckedScenario> {
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile())
    throw new IrqError('ERR_FILE', `there is no file ${file}`);
  const extension = extname(path);
  if (!EXTENSIONS.has(extension)) {
    throw new IrqError('ERR_SCENARIO', `${file} is not a scenario file: it has to end in .mjs, .js or .ts`);
  }
  process.setSourceMapsEnabled(true);
  registerTypeScript(path, extension === '.ts' || extension === '.mts');
  let module: Record<string, unknown>;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    if (error instanceof IrqError) throw error;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new IrqError('ERR_SCENARIO', `${file} cannot be loaded: ${what}`, { cause: error });
  }
  if (!('default' in module)) {
    const names = Object.keys(module).join(', ') || 'nothing';
    throw new IrqError(
      'ERR_SCENARIO',
      `${file} has no default export (it exports ${names}); right would be: export default { name, setup, threads, finally? }`,
    );
  }
  return checkScenario(module.default, file);
}

/**
 * Makes `import` take TypeScript: through hooks that find `./x.ts` where source says `./x.js`, and that compile with the
 * project's own compiler where Node.js does not run TypeScript by itself.
 */
function registerTypeScript(path: string, needed: boolean): void {
  if (registered) return;
  const native = 'typescript' in process.features && Boolean(process.features.typescript);
  const compiler = native ? undefined : findCompiler(path);
  if (!native && compiler === undefined) {
    if (!needed) return;
    throw new IrqError(
      'ERR_SCENARIO',
      `${path} is TypeScript, which Node.js ${process.version} does not run: install the compiler (npm install --save-dev typescript), use Node.js 22.18 or later, or write the scenario as .mjs`,
    );
  }
  const hooks = new URL('./typescript-hooks.js', import.meta.url);
  // Run from source, under a runner that takes TypeScript by itself, there is no compiled hook, and no need of one.
  if (!existsSync(hooks)) return;
  register(hooks, { data: { compiler } });
  registered = true;
}

function findCompiler(path: string): string | undefined {
  for (const from of [pathToFileURL(path).href, import.meta.url]) {
    try {
      return createRequire(from).resolve('typescript');
    } catch {
      // Not there: the next place.
    }
  }
  return undefined;
}
