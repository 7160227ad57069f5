import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option } from 'commander';
import { globSync } from 'tinyglobby';
import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import { didYouMean } from '../base/suggestion.ts';
import type { ScenarioSource } from '../explore/index.ts';

/** A scenario of the command line: the words that the user typed, and the scenario's place for a thread. */
export type Found = { readonly argument: string; readonly source: ScenarioSource };

/** The flags that load the scenarios of files; irqloom's own scenarios need none. */
export type LoadFlags = { readonly export?: string; readonly plain?: 'points' | 'off' };

/** `--export` and `--plain`, for the commands that load a scenario. */
export function loadOptions(): readonly [exported: Option, plain: Option] {
  return [
    new Option('--export <name>', 'the export of the file that is the scenario').default('default'),
    new Option(
      '--plain <what>',
      'accesses without Atomics: points of a schedule, or left alone, so that a pass is not about every schedule',
    )
      .choices(['points', 'off'])
      .default('points'),
  ];
}

/** The flags that load a scenario the same way again, each with a blank before it. */
export function loadWords({ export: name = 'default', plain = 'points' }: LoadFlags): string {
  return `${name === 'default' ? '' : ` --export ${shellWord(name)}`}${plain === 'points' ? '' : ` --plain ${plain}`}`;
}

/**
 * Finds the scenarios that `FILE|NAME|GLOB` means: a program that comes with irqloom, else a file, else every file that
 * the pattern matches, in the order of their paths. No module of the user is loaded: that is the search thread's job.
 * @throws IrqError `ERR_FILE` where there is nothing of that name.
 */
export async function findScenarios(argument: string, flags: LoadFlags = {}): Promise<readonly Found[]> {
  const found = await findAll(argument);
  const { export: exportName = 'default', plain = 'points' } = flags;
  return found.map((each) => {
    if ('file' in each.source) return { ...each, source: { ...each.source, exportName, plain } };
    if (exportName === 'default' && plain === 'points') return each;
    throw new IrqError(
      'ERR_USAGE',
      `${argument} comes with irqloom: --export and --plain are for scenarios in files of your own`,
    );
  });
}

async function findAll(argument: string): Promise<readonly Found[]> {
  const looksLikeFile = /[/\\]|\.[cm]?[jt]s$/.test(argument);
  const names: string[] = [];
  if (!looksLikeFile) {
    const { findLitmus, litmusNames } = await loadLitmus();
    if (findLitmus(argument) !== undefined) {
      const module = new URL('../races/litmus/names.js', import.meta.url).href;
      return [{ argument, source: { module, name: 'litmus', arguments: [argument] } }];
    }
    const { findVariant, variantNames } = await loadRaces();
    if (findVariant(argument) !== undefined) {
      const module = new URL('../races/names.js', import.meta.url).href;
      return [{ argument, source: { module, name: 'findVariant', arguments: [argument] } }];
    }
    const { findDrawn } = await loadDrawn();
    if (findDrawn(argument) !== undefined) {
      const module = new URL('../races/drawn/drawn-names.js', import.meta.url).href;
      return [{ argument, source: { module, name: 'findDrawn', arguments: [argument] } }];
    }
    names.push(...litmusNames(), ...variantNames());
  }
  if (existsSync(argument)) {
    if (statSync(argument).isFile()) return [{ argument, source: { file: resolve(argument) } }];
    throw new IrqError(
      'ERR_FILE',
      `${argument} is no file; a scenario is a file that ends in .mjs, .js or .ts`,
    );
  }
  if (/[*?[\]{}]/.test(argument)) {
    const files = globSync(argument, { ignore: ['**/node_modules/**'], expandDirectories: false }).sort();
    if (files.length > 0) return files.map((file) => ({ argument: file, source: { file: resolve(file) } }));
    throw new IrqError('ERR_FILE', `no file matches ${argument}`);
  }
  throw new IrqError(
    'ERR_FILE',
    looksLikeFile
      ? `there is no file ${argument}`
      : `there is no scenario "${argument}", and no file of that name${didYouMean(argument, names)}\nirqloom explore --list names the scenarios of irqloom`,
  );
}

/** The one scenario that `FILE|NAME` means. @throws IrqError `ERR_FILE`; `ERR_USAGE` where a pattern matches several files */
export async function findScenario(argument: string, flags: LoadFlags = {}): Promise<Found> {
  const [found, ...more] = await findScenarios(argument, flags);
  if (found === undefined || more.length > 0)
    throw new IrqError('ERR_USAGE', `${argument} matches ${more.length + 1} files; name one`);
  return found;
}

/** The scenarios that come with irqloom, a line each. */
export async function listScenarios(): Promise<string> {
  const { LITMUS } = await loadLitmus();
  const names = Math.max(...LITMUS.map(({ name }) => name.length));
  const lines = LITMUS.map(({ name, shows }) => `${name.padEnd(names)}  ${shows}`);
  return `${lines.join('\n')}\n${'drawn-#'.padEnd(names)}  a program drawn for the smallest machine: signals against changes\n(# is a number from 1)\nand each race of the catalogue as NAME.buggy and NAME.fixed: irqloom races lists them\n`;
}

/** Loaded late, when source maps are on, so that steps are shown by the lines of the TypeScript source. */
function loadLitmus(): Promise<typeof import('../races/litmus/names.ts')> {
  process.setSourceMapsEnabled(true);
  return import('../races/litmus/names.ts');
}

/** As {@link loadLitmus}. */
function loadDrawn(): Promise<typeof import('../races/drawn/drawn-names.ts')> {
  process.setSourceMapsEnabled(true);
  return import('../races/drawn/drawn-names.ts');
}

/** As {@link loadLitmus}. */
function loadRaces(): Promise<typeof import('../races/names.ts')> {
  process.setSourceMapsEnabled(true);
  return import('../races/names.ts');
}
