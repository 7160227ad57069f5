import { existsSync, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { IrqError } from '../../base/irq-error.ts';
import { dispatchAtomics } from '../control/dispatched-atomics.ts';
import { type Exports, Program } from './program.ts';
import { type CheckedScenario, checkScenario } from './scenario.ts';

const EXTENSIONS = new Set(['.mjs', '.js', '.cjs', '.ts', '.mts', '.cts']);

/** How a scenario file is to be loaded. */
export type LoadOptions = {
  /** The export that is the scenario; `default` where not given. */
  readonly exportName?: string;
  /**
   * `off`: accesses without Atomics are left as they are, and are no points of a schedule. `points` where not given.
   */
  readonly plain?: 'points' | 'off';
};

/**
 * Loads a scenario file: JavaScript or TypeScript, which may import what it likes, packages too. All of it is bundled,
 * and its accesses to elements of typed arrays are rewritten, so that they are points of a schedule as Atomics' are.
 * @param file - path, relative to the working directory.
 * @throws IrqError `ERR_FILE` where there is no such file, `ERR_SCENARIO` where it cannot be loaded or is no scenario.
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
