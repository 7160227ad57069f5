/** Scenarios for real threads: those start from what was built, so they are found there. */
import { fileURLToPath } from 'node:url';
import {
  type CheckedScenario,
  checkScenario,
  loadScenario,
  type ScenarioSource,
} from '../../../src/explore/index.ts';
import { litmus as findLitmus } from '../../../src/races/litmus/names.ts';
import { findVariant } from '../../../src/races/names.ts';

export type Sourced = { readonly scenario: CheckedScenario; readonly source: ScenarioSource };

/** A program that comes with irqloom. */
export function litmus(name: string): Sourced {
  const module = new URL('../../../dist/src/races/litmus/names.js', import.meta.url).href;
  const source: ScenarioSource = { module, name: 'litmus', arguments: [name] };
  return { scenario: checkScenario(findLitmus(name)), source };
}

/** A variant of a race of the catalogue. */
export function race(name: string): Sourced {
  const module = new URL('../../../dist/src/races/names.js', import.meta.url).href;
  const source: ScenarioSource = { module, name: 'findVariant', arguments: [name] };
  return { scenario: checkScenario(findVariant(name)), source };
}

function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/explore/${name}`, import.meta.url));
}

export async function fixture(name: string): Promise<Sourced> {
  const file = fixturePath(name);
  return { scenario: await loadScenario(file), source: { file } };
}
