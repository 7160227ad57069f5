/**
 * The catalogue of races of interrupt delivery: for each, a program with the race and a program without the
 * race.
 */
import { abortedEntryDropsLr } from './aborted-entry-drops-lr.ts';
import { cacheHitVsDiscard } from './cache-hit-vs-discard.ts';
import { checkThenHalt } from './check-then-halt.ts';
import { clearAfterDrain } from './clear-after-drain.ts';
import { compareThenEnqueue } from './compare-then-enqueue.ts';
import { doorbellOverwritesPending } from './doorbell-overwrites-pending.ts';
import { doublePutOnInvalidate } from './double-put-on-invalidate.ts';
import { duplicateLpiInsert } from './duplicate-lpi-insert.ts';
import { edgeDuringRetarget } from './edge-during-retarget.ts';
import { flushBeforeUnhook } from './flush-before-unhook.ts';
import { flushUnderLock } from './flush-under-lock.ts';
import { freedWhilePruned } from './freed-while-pruned.ts';
import { hangupDuringAssign } from './hangup-during-assign.ts';
import { kickWithoutRequest } from './kick-without-request.ts';
import { lastLrWithoutReference } from './last-lr-without-reference.ts';
import { lineOrRace } from './line-or-race.ts';
import { lpisOffInGuest } from './lpis-off-in-guest.ts';
import { maskRemovesRoute } from './mask-removes-route.ts';
import { migrateWithoutKick } from './migrate-without-kick.ts';
import { pauseFlagShared } from './pause-flag-shared.ts';
import { pollBeforeAttach } from './poll-before-attach.ts';
import { prunedAfterFlush } from './pruned-after-flush.ts';
import type { Race } from './race.ts';
import { readyFlagTooEarly } from './ready-flag-too-early.ts';
import { requestModeDekker } from './request-mode-dekker.ts';
import { resampleReentry } from './resample-reentry.ts';
import { retargetOnDyingVpe } from './retarget-on-dying-vpe.ts';
import { sharedRecursionGuard } from './shared-recursion-guard.ts';
import { splitDeassert } from './split-deassert.ts';
import { stalePendingAtUnmask } from './stale-pending-at-unmask.ts';
import { staleRouteAfterDeassign } from './stale-route-after-deassign.ts';
import { tornRouteEntry } from './torn-route-entry.ts';
import { waiterCountDekker } from './waiter-count-dekker.ts';
import { wrongListLock } from './wrong-list-lock.ts';

export type { Race } from './race.ts';

/** All races, by their number in the catalogue. */
export const RACES: readonly Race[] = [
  checkThenHalt,
  compareThenEnqueue,
  kickWithoutRequest,
  requestModeDekker,
  waiterCountDekker,
  clearAfterDrain,
  doorbellOverwritesPending,
  migrateWithoutKick,
  sharedRecursionGuard,
  tornRouteEntry,
  staleRouteAfterDeassign,
  maskRemovesRoute,
  pollBeforeAttach,
  hangupDuringAssign,
  flushBeforeUnhook,
  cacheHitVsDiscard,
  doublePutOnInvalidate,
  duplicateLpiInsert,
  wrongListLock,
  edgeDuringRetarget,
  lineOrRace,
  splitDeassert,
  stalePendingAtUnmask,
  resampleReentry,
  pauseFlagShared,
  abortedEntryDropsLr,
  readyFlagTooEarly,
  retargetOnDyingVpe,
  flushUnderLock,
  freedWhilePruned,
  prunedAfterFlush,
  lastLrWithoutReference,
  lpisOffInGuest,
];
