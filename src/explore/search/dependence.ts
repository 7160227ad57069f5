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
 * Whether two steps of a schedule conflict with the answers that they got there, or one step changed an
 * element that the other's thread awaited.
 */
export function ordered(p: StepKey, q: StepKey): boolean {
  return conflicts(p.point, p.effect, q.point, q.effect) || awaitsChange(p, q) || awaitsChange(q, p);
}

/** Whether `p`, answered in some other way, might conflict with `q` as `q` was answered. */
export function mightBeOrdered(p: Step, q: Step): boolean {
  const effect = effectAtMost(p);
  return effect === p.effect ? ordered(p, q) : ordered({ ...p, effect }, q);
}

/** Whether `p` conflicts with `q` with any answer to `p`. */
export function mustBeOrdered(p: StepKey, q: StepKey): boolean {
  return ordered(p.point.op === CAS || p.point.op === WAIT ? { ...p, effect: READ } : p, q);
}

/** The most that a step could have done with another answer: a wait could have slept, and a compareExchange could have taken place. */
function effectAtMost({ point, effect }: Step): number {
  if (point.op === WAIT) return effect | READ | QUEUE;
  return point.op === CAS ? effect | READ | WRITE : effect;
}

/** Whether p's thread awaited a change of q's element. */
function awaitsChange({ awaits }: StepKey, { point, effect }: StepKey): boolean {
  if (awaits === undefined || (effect & WRITE) === 0) return false;
  return awaits.some(({ at, size }) => at < point.at + point.size && point.at < at + size);
}
