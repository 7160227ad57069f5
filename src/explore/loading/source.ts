import { IrqError } from '../../base/irq-error.ts';
import { dispatchAtomics } from '../control/dispatched-atomics.ts';
import { type LoadOptions, loadScenario } from './load.ts';
import { type CheckedScenario, checkScenario } from './scenario.ts';

/**
 * Where a thread finds a scenario, as plain data, because functions cannot be sent to a thread: a file with an export,
 * or a module (by URL) with a function that returns the scenario.
 */
export type ScenarioSource =
  | ({ readonly file: string } & LoadOptions)
  | { readonly module: string; readonly name: string; readonly arguments?: readonly string[] };

/** Loads the scenario. @throws IrqError `ERR_FILE`, `ERR_SCENARIO` */
export async function loadSource(source: ScenarioSource): Promise<CheckedScenario> {
  if ('file' in source) return loadScenario(source.file, source);
  dispatchAtomics();
  const module = (await import(source.module)) as Record<string, unknown>;
  const found = module[source.name];
  if (found === undefined) {
    throw new IrqError('ERR_SCENARIO', `${source.module} exports nothing called "${source.name}"`);
  }
  const value: unknown = typeof found === 'function' ? found(...(source.arguments ?? [])) : found;
  return checkScenario(value, source.name);
}
