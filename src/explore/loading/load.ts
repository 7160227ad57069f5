import { existsSync, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { IrqError } from '../../base/irq-error.ts';
import { dispatchAtomics } from '../control/dispatched-atomics.ts';
import { type Exports, Program } from './program.ts';
import { type CheckedScenario, checkScenario } from './scenario.ts';

const EXTENSIONS = new Set(['.mjs', '.js', '.cjs', '.ts', '.mts', '.cts']);

/** Options for loading a scenario file. */
export type LoadOptions = {
  /** The export with the scenario; default `default`. */
  readonly exportName?: string;
  /**
   * `off`: accesses without Atomics stay unchanged, and are no points of a schedule. Default `points`.
   */
  readonly plain?: 'points' | 'off';
};

/**
 * Loads a scenario file: JavaScript or TypeScript, with any imports, packages too. Bundles the file with its
 * imports, and rewrites the bundle's accesses to elements of typed arrays: accesses become points of a
 * schedule, as Atomics' operations are.
 * @param file - path, relative to the working directory.
 * @throws IrqError `ERR_FILE` if the file does not exist, `ERR_SCENARIO` if the file cannot be loaded or is
 *   no scenario.
 */
export async function loadScenario(file: string, options: LoadOptions = {}): Promise<CheckedScenario> {
  const { exportName = 'default', plain = 'points' } = options;
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile())
    throw new IrqError('ERR_FILE', `there is no file ${file}`);
  if (!EXTENSIONS.has(extname(path))) {
    throw new IrqError('ERR_SCENARIO', `${file} is not a scenario file: it has to end in .mjs, .js or .ts`);
  }
  dispatchAtomics();
  const program = await Program.load(path, plain !== 'off');
  const first = pick(program.exports, exportName, file);
  return checkScenario(first, file, {
    plain,
    anew: () => pick(program.instantiate(), exportName, file),
    hasChanged: () => program.hasChanged(),
  });
}

function pick(exports: Exports, name: string, file: string): unknown {
  if (name in exports) return exports[name];
  const names = Object.keys(exports).join(', ') || 'nothing';
  throw new IrqError(
    'ERR_SCENARIO',
    name === 'default'
      ? `${file} has no default export (it exports ${names}); right would be: export default { name, setup, threads, finally? }`
      : `${file} exports nothing called "${name}" (it exports ${names}); right would be: export const ${name} = { name, setup, threads, finally? }`,
  );
}
