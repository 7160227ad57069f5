import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { type CheckedScenario, checkScenario, loadScenario, type ScenarioSource } from '../explore/index.ts';

/** A scenario of the command line, and where other threads find it. */
export type Found = { readonly scenario: CheckedScenario; readonly source: ScenarioSource };

/**
 * Finds the scenario that `FILE|NAME` means: a name of a program that comes with irqloom, else a file.
 * @throws IrqError `ERR_FILE` where it is neither, `ERR_SCENARIO` where the file is no scenario.
 */
export async function findScenario(argument: string): Promise<Found> {
  const looksLikeFile = /[/\\]|\.[cm]?[jt]s$/.test(argument);
  if (!looksLikeFile) {
    const { findLitmus, litmusNames } = await loadLitmus();
    const program = findLitmus(argument);
    if (program !== undefined) {
      const module = new URL('../races/litmus/names.js', import.meta.url).href;
      return { scenario: checkScenario(program), source: { module, name: 'litmus', arguments: [argument] } };
    }
    const { findVariant, variantNames } = await loadRaces();
    const variant = findVariant(argument);
    if (variant !== undefined) {
      const module = new URL('../races/names.js', import.meta.url).href;
      return {
        scenario: checkScenario(variant),
        source: { module, name: 'findVariant', arguments: [argument] },
      };
    }
    if (!existsSync(argument)) {
      throw new IrqError(
        'ERR_FILE',
        `there is no scenario "${argument}", and no file of that name${didYouMean(argument, [...litmusNames(), ...variantNames()])}\nirqloom explore --list names those that come with irqloom`,
      );
    }
  }
  const file = resolve(argument);
  return { scenario: await loadScenario(argument), source: { file } };
}

/** The scenarios that come with irqloom, a line each. */
export async function listScenarios(): Promise<string> {
  const { LITMUS } = await loadLitmus();
  const names = Math.max(...LITMUS.map(({ name }) => name.length));
  const lines = LITMUS.map(({ name, shows }) => `${name.padEnd(names)}  ${shows}`);
  return `${lines.join('\n')}\n(# is a number from 1)\nand each race of the catalogue as NAME.buggy and NAME.fixed: irqloom races lists them\n`;
}

/** Loaded late, when source maps are on, so that steps are shown by the lines of the TypeScript source. */
function loadLitmus(): Promise<typeof import('../races/litmus/names.ts')> {
  process.setSourceMapsEnabled(true);
  return import('../races/litmus/names.ts');
}

/** As {@link loadLitmus}. */
function loadRaces(): Promise<typeof import('../races/names.ts')> {
  process.setSourceMapsEnabled(true);
  return import('../races/names.ts');
}
