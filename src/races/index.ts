/** The catalogue of races: bugs that have bitten somebody, each as a program that has it and one that has not. */
import { checkThenHalt } from './check-then-halt.ts';
import { clearAfterDrain } from './clear-after-drain.ts';
import { edgeDuringRetarget } from './edge-during-retarget.ts';
import { kickWithoutRequest } from './kick-without-request.ts';
import { lineOrRace } from './line-or-race.ts';
import type { Race } from './race.ts';

export type { Race } from './race.ts';

/** All races, by their number in the catalogue. */
export const RACES: readonly Race[] = [
  checkThenHalt,
  kickWithoutRequest,
  clearAfterDrain,
  edgeDuringRetarget,
  lineOrRace,
];
