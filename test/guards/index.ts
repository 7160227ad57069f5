/**
 * The guards of `src`: one table of what the code keeps, and of the mistakes that break each rule. Tests and the power
 * bench name mistakes as `guard: mistake`. `docs/guards.md` shows the table.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../bench/power/root.ts';
import { AIA } from './aia.ts';
import { APIC } from './apic.ts';
import { edited, type GuardEdit, guardsIn } from './edit.ts';
import { EXPLORE } from './explore.ts';
import { GIC } from './gic.ts';
import { ITS } from './its.ts';
import { KVM } from './kvm.ts';
import { MACHINE } from './machine.ts';
import { MEMORY } from './memory.ts';
import type { Change, Row, Rows } from './rows.ts';

const TABLE = { ...MEMORY, ...GIC, ...ITS, ...KVM, ...APIC, ...AIA, ...MACHINE, ...EXPLORE };

/** By area, in the order of the documentation. */
export const AREAS: Readonly<Record<string, Rows>> = { MEMORY, GIC, ITS, KVM, APIC, AIA, MACHINE, EXPLORE };

export type Guard = keyof typeof TABLE;
type NamesOf<G extends Guard> = keyof (typeof TABLE)[G]['mistakes'] | VariantsOf<(typeof TABLE)[G]>;
type VariantsOf<R> = R extends { readonly variants: infer V } ? keyof V : never;
/** A mistake, or a variant: `guard: what is done`. */
export type MistakeName = { [G in Guard]: `${G}: ${NamesOf<G> & string}` }[Guard];

export const GUARDS: Readonly<Record<string, Row>> = TABLE;

const namesOf = (changes: (row: Row) => object) =>
  Object.entries(GUARDS).flatMap(([guard, row]) =>
    Object.keys(changes(row)).map((what) => `${guard}: ${what}` as MistakeName),
  );
/** Names of all mistakes. */
export const MISTAKES: readonly MistakeName[] = namesOf(({ mistakes }) => mistakes);
/** Names of all variants. */
export const VARIANTS: readonly MistakeName[] = namesOf(({ variants = {} }) => variants);

let files: ReadonlyMap<string, string> | undefined;

/** Where each guard is tagged: the file, relative to `src`. @throws Error where two files tag the same */
export function guardedFiles(): ReadonlyMap<string, string> {
  files ??= readTags();
  return files;
}

function readTags(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    for (const guard of guardsIn(readFileSync(join(ROOT, 'src', file), 'utf8'))) {
      const other = found.get(guard);
      if (other !== undefined)
        throw new Error(`guard "${guard}" is tagged in src/${other} and in src/${file}`);
      found.set(guard, file);
    }
  }
  return found;
}

/** The rule that a mistake breaks. @throws Error where there is no such mistake */
export function ruleOf(name: MistakeName): string {
  return rowOf(name).row.rule;
}

/** The files that a mistake changes, relative to `src`. @throws Error where there is no such mistake */
export function filesOf(name: MistakeName): readonly string[] {
  return [...new Set(editsOf(name).map(({ guard }) => fileOfGuard(guard)))];
}

/**
 * The text of a file of `src` with mistakes made in it, one after the other.
 * @param file - relative to `src`
 * @throws Error where there is no such mistake, or it does not fit the file
 */
export function withMistakes(file: string, text: string, ...names: readonly MistakeName[]): string {
  return names.reduce(
    (made, name) =>
      edited(
        made,
        editsOf(name).filter(({ guard }) => fileOfGuard(guard) === file),
      ),
    text,
  );
}

function rowOf(name: string): { readonly guard: string; readonly row: Row; readonly change: Change } {
  const [guard = '', mistake = ''] = name.split(': ');
  const row = GUARDS[guard];
  const change = row?.mistakes[mistake] ?? row?.variants?.[mistake];
  if (!row || !change) throw new Error(`there is no mistake "${name}" in the table of guards`);
  return { guard, row, change };
}

function editsOf(name: string): readonly GuardEdit[] {
  const { guard, change } = rowOf(name);
  const all = Array.isArray(change) ? (change as Extract<Change, readonly unknown[]>) : [change as GuardEdit];
  return all.map((each) => ('edit' in each ? each : { guard, edit: each }));
}

function fileOfGuard(guard: string): string {
  const file = guardedFiles().get(guard);
  if (file === undefined) throw new Error(`guard "${guard}" is tagged nowhere in src`);
  return file;
}
