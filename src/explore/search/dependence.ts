import { conflicts } from '../running/execute.ts';
import { CAS, type Point, QUEUE, READ, WAIT, WRITE } from '../running/operation.ts';

/** One step of a schedule: what it did, and what its thread had awaited a change of, beside what it looks at itself. */
export type Step = {
  readonly point: Point;
  readonly effect: number;
  readonly awaits: readonly Point[] | undefined;
};

/** All of a step that decides which others it conflicts with: plain data, the same in every process. */
export type StepKey = {
  readonly point: Pick<Point, 'op' | 'at' | 'size'>;
  readonly effect: number;
  readonly awaits: readonly Pick<Point, 'at' | 'size'>[] | undefined;
};

/** Of a step, what other processes can use. */
export function keyOf({ point: { op, at, size }, effect, awaits }: StepKey): StepKey {
  return {
    point: { op, at, size },
    effect,
    awaits: awaits?.map((look) => ({ at: look.at, size: look.size })),
  };
}

/**
 * Which steps a search may swap without changing anything. Two steps that did not conflict in one schedule may do so in
 * another, where one of them is answered otherwise:
 * - a wait that found the value changed only reads; had the value been the old one, it would have slept, and a notify
 *   would have woken it. So a wait always counts as joining the queue.
 * - a compareExchange that failed only reads. The step that made it fail conflicts with all that it would conflict with
 *   had it not failed, as long as all use the same bytes. Where others use some of the bytes only, it counts as writing.
 * - a thread that waited in a loop was let on by a change of any of the words that the loop looks at.
 */
export class Dependence {
  /** Set where two steps were taken to conflict that did not. */
  wasCareful = false;

  conflict(p: Step, q: Step): boolean {
    if (conflicts(p.point, p.effect, q.point, q.effect)) return true;
    if (!mayConflict(p, q) && !awaitsChange(p, q) && !awaitsChange(q, p)) return false;
    this.wasCareful = true;
    return true;
  }
}

/** Whether two steps of a schedule conflict, as they were answered there, or one changed what the other's thread awaited. */
export function ordered(p: StepKey, q: StepKey): boolean {
  return conflicts(p.point, p.effect, q.point, q.effect) || awaitsChange(p, q) || awaitsChange(q, p);
}

/** Whether `p`, answered in some other way, might conflict with `q` as `q` was answered. */
export function mightBeOrdered(p: Step, q: Step): boolean {
  const effect = effectAtMost(p, false);
  return effect === p.effect ? ordered(p, q) : ordered({ ...p, effect }, q);
}

/** Whether `p` conflicts with `q` in whichever way it is answered. */
export function mustBeOrdered(p: StepKey, q: StepKey): boolean {
  return ordered(p.point.op === CAS || p.point.op === WAIT ? { ...p, effect: READ } : p, q);
}

function mayConflict(p: Step, q: Step): boolean {
  const [a, b] = [p.point, q.point];
  if (a.at >= b.at + b.size || b.at >= a.at + a.size) return false;
  const alike = a.at === b.at && a.size === b.size;
  return conflicts(a, effectAtMost(p, alike), b, effectAtMost(q, alike));
}

/** What a step might have done, had it been answered otherwise. */
function effectAtMost({ point, effect }: Step, alike: boolean): number {
  if (point.op === WAIT) return effect | READ | QUEUE;
  return point.op === CAS && !alike ? effect | READ | WRITE : effect;
}

/** Whether p's thread had awaited what q changed. */
function awaitsChange({ awaits }: StepKey, { point, effect }: StepKey): boolean {
  if (awaits === undefined || (effect & WRITE) === 0) return false;
  return awaits.some(({ at, size }) => at < point.at + point.size && point.at < at + size);
}
