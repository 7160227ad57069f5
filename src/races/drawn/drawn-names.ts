import type { Scenario } from '../../explore/index.ts';
import { drawnScenario } from './scenario.ts';

/** Names of drawn programs end in their number, from 1. */
export const MOST_PROGRAMS = 1_000_000_000;

/**
 * Finds the drawn program of a name, `drawn-17`; undefined for any other name. Threads also find their
 * program here.
 */
export function findDrawn(name: string): Scenario | undefined {
  const [, digits] = /^drawn-([1-9]\d{0,9})$/.exec(name) ?? [];
  const number = Number(digits);
  return digits === undefined || number > MOST_PROGRAMS ? undefined : (drawnScenario(number) as Scenario);
}
