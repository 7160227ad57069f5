import { conflicts } from '../running/execute.ts';
import { CAS, type Point, QUEUE, READ, WAIT, WRITE } from '../running/operation.ts';

/**
 * One step of a schedule: its operation, and the elements whose change its thread awaited, besides the step's
 * own.
 */
export type Step = {
  readonly point: Point;
  readonly effect: number;
  readonly awaits: readonly Point[] | undefined;
};

/** The part of a step that decides its conflicts: plain data, the same in every process. */
export type StepKey = {
  readonly point: Pick<Point, 'op' | 'at' | 'size'>;
  readonly effect: number;
  readonly awaits: readonly Pick<Point, 'at' | 'size'>[] | undefined;
};

/** The part of a step that other processes can use. */
export function keyOf({ point: { op, at, size }, effect, awaits }: StepKey): StepKey {
  return {
    point: { op, at, size },
    effect,
    awaits: awaits?.map((look) => ({ at: look.at, size: look.size })),
  };
}

/**
 * The steps that a search may swap without changing anything. Two steps that did not conflict in one schedule
 * may conflict in another, in which one of them gets another answer:
 * - a wait that found the value changed only reads; with the old value, the wait would have slept, and a
 *   notify would have woken the thread. So a wait always counts as joining the queue.
 * - a compareExchange that failed only reads. The step that made the compareExchange fail conflicts with all
 *   steps that a successful one would conflict with, as long as all use the same bytes. If others use only
 *   some of the bytes, the compareExchange counts as a write.
 * - a thread that waited in a loop could go on after a change of any word that the loop looks at.
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

/**
 * Whether two steps of a schedule conflict with the answers that they got there, or one step changed an
 * element that the other's thread awaited.
 */
export function ordered(p: StepKey, q: StepKey): boolean {
  return conflicts(p.point, p.effect, q.point, q.effect) || awaitsChange(p, q) || awaitsChange(q, p);
}

/** Whether `p`, answered in some other way, might conflict with `q` as `q` was answered. */
export function mightBeOrdered(p: Step, q: Step): boolean {
  const effect = effectAtMost(p, false);
  return effect === p.effect ? ordered(p, q) : ordered({ ...p, effect }, q);
}

/** Whether `p` conflicts with `q` with any answer to `p`. */
export function mustBeOrdered(p: StepKey, q: StepKey): boolean {
  return ordered(p.point.op === CAS || p.point.op === WAIT ? { ...p, effect: READ } : p, q);
}

function mayConflict(p: Step, q: Step): boolean {
  const [a, b] = [p.point, q.point];
  if (a.at >= b.at + b.size || b.at >= a.at + a.size) return false;
  const alike = a.at === b.at && a.size === b.size;
  return conflicts(a, effectAtMost(p, alike), b, effectAtMost(q, alike));
}

/** The most that a step could have done with another answer. */
function effectAtMost({ point, effect }: Step, alike: boolean): number {
  if (point.op === WAIT) return effect | READ | QUEUE;
  return point.op === CAS && !alike ? effect | READ | WRITE : effect;
}

/** Whether p's thread awaited a change of q's element. */
function awaitsChange({ awaits }: StepKey, { point, effect }: StepKey): boolean {
  if (awaits === undefined || (effect & WRITE) === 0) return false;
  return awaits.some(({ at, size }) => at < point.at + point.size && point.at < at + size);
}
