import type { ExploredGuest } from './explored-guest.ts';
import type { Wrong } from './failure.ts';
import { following, type Outcome, runSchedule } from './run-schedule.ts';
import { merged, type Turn } from './turn.ts';

/** A schedule that fails, and its result. */
export type Failing = { readonly turns: readonly Turn[]; readonly outcome: Outcome };

export type ShrinkBudget = { readonly limit: number; readonly runs: number; readonly isOver: () => boolean };

/** Whether two failures are the same: compares kinds, and messages without their numbers. */
function isSame(a: Wrong, b: Wrong | undefined): boolean {
  const plain = ({ message }: Wrong) => message.replace(/0x[0-9a-f]+|\d+(\.\d+)?/g, '#');
  return b !== undefined && a.kind === b.kind && (a.kind === 'deadlock' || plain(a) === plain(b));
}

/**
 * Shrinks a failing schedule: removes turns, as many at a time as possible, while the rest fails in the same way. After the last turn
 * no actor is preempted, so the remaining turns are those that the failure needs.
 */
export function shrink(guest: ExploredGuest, failing: Failing, budget: ShrinkBudget): Failing {
  const wrong = failing.outcome.wrong;
  if (!wrong) return failing;
  let best = failing;
  let runs = 0;
  const attempt = (turns: readonly Turn[]): boolean => {
    if (runs >= budget.runs || budget.isOver()) return false;
    runs++;
    const outcome = runSchedule(guest, following(turns), budget.limit);
    if (!isSame(wrong, outcome.wrong)) return false;
    best = { turns, outcome };
    return true;
  };
  attempt(merged(best.turns));
  const isShorterWithout = (chunk: number): boolean => {
    const before = best.turns.length;
    for (let at = best.turns.length - chunk; at > -chunk; at -= chunk) {
      const from = Math.max(0, at);
      attempt(merged([...best.turns.slice(0, from), ...best.turns.slice(from + chunk)]));
    }
    return best.turns.length < before;
  };
  for (let chunk = best.turns.length; chunk > 1; chunk = Math.floor(chunk / 2)) isShorterWithout(chunk);
  // Removing a turn may make another turn removable.
  while (isShorterWithout(1));
  return best;
}
