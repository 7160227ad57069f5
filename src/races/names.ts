import type { Scenario } from '../explore/index.ts';
import { RACES } from './index.ts';
import { variantName } from './race.ts';

/** The names of all variants: `check-then-halt.buggy`, `check-then-halt.fixed`, … */
export function variantNames(): string[] {
  return RACES.flatMap(({ slug }) => [variantName(slug, 'buggy'), variantName(slug, 'fixed')]);
}

/** Finds a variant of a race by name; undefined if there is none. Threads also find variants here. */
export function findVariant(name: string): Scenario | undefined {
  return RACES.flatMap(({ buggy, fixed }) => [buggy, fixed]).find((scenario) => scenario.name === name);
}
