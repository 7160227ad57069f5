/** The catalogue of races: bugs that have bitten somebody, each as a program that has it and one that has not. */
import { cacheHitVsDiscard } from './cache-hit-vs-discard.ts';
import { checkThenHalt } from './check-then-halt.ts';
import { clearAfterDrain } from './clear-after-drain.ts';
import { doublePutOnInvalidate } from './double-put-on-invalidate.ts';
import { edgeDuringRetarget } from './edge-during-retarget.ts';
import { flushUnderLock } from './flush-under-lock.ts';
import { kickWithoutRequest } from './kick-without-request.ts';
import { lineOrRace } from './line-or-race.ts';
import { maskRemovesRoute } from './mask-removes-route.ts';
import { pauseFlagShared } from './pause-flag-shared.ts';
import type { Race } from './race.ts';
import { staleRouteAfterDeassign } from './stale-route-after-deassign.ts';
import { tornRouteEntry } from './torn-route-entry.ts';

export type { Race } from './race.ts';

/** All races, by their number in the catalogue. */
export const RACES: readonly Race[] = [
  checkThenHalt,
  kickWithoutRequest,
  clearAfterDrain,
  tornRouteEntry,
  staleRouteAfterDeassign,
  maskRemovesRoute,
  cacheHitVsDiscard,
  doublePutOnInvalidate,
  edgeDuringRetarget,
  lineOrRace,
  pauseFlagShared,
  flushUnderLock,
];
