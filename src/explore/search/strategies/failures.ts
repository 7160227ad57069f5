import { mustBeOrdered, ordered, type Step, type StepKey } from '../dependence.ts';
import { followsByItself } from './rest.ts';
import { FIRST, type Plan } from './revisits.ts';
import { fellAsleep, type Trace } from './trace.ts';

/**
 * A schedule that ends with a failing step, after the steps that the failing step needs, and some that it
 * does not need.
 */
export type FailingPlan = Plan & {
  readonly failing: StepKey | undefined;
  /** How many of the first turns have to come before the failing step. */
  readonly needed: number;
};

/**
 * The failures that a schedule shows in which the other threads went on after one had thrown: each a failing
 * step and the steps that this step needs. Many schedules may show a failure; the search takes the failure
 * from the schedule in which all other steps follow by themselves.
 * @param failed - the threads that have thrown, as bits.
 */
export function* failuresOf(trace: Trace, failed: number): Generator<FailingPlan> {
  const positions: number[] = [];
  for (let t = 0; t < trace.threads; t++)
    if ((failed & (1 << t)) !== 0) positions.push(failingStep(trace, t));
  for (const f of new Set(positions)) {
    const past = new Array<number>(trace.threads).fill(0);
    if (f >= 0) trace.addPast(past, f);
    if (positions.some((g) => g !== f && (g < 0 || trace.has(past, g)))) continue;
    // guard: failure-taken-once
    if (!followsByItself(trace, past.slice())) continue;
    const turns: number[] = [];
    for (let k = 0; k < f; k++) if (trace.has(past, k)) turns.push(trace.thread[k] as number);
    const needed = turns.length;
    if (f >= 0) turns.push(trace.thread[f] as number);
    yield { ...FIRST, turns, failing: trace.steps[f], needed };
  }
}

/**
 * The same failure after one more step, which the failure does not need; `trace` has ended with the failure.
 */
export function* withOneMore(plan: FailingPlan, trace: Trace): Generator<FailingPlan> {
  const { turns, failing } = plan;
  const last = turns.length - 1;
  if (failing === undefined) return;
  for (let t = 0; t < trace.threads; t++) {
    if (t === turns[last] || ((trace.able[last] as number) & (1 << t)) === 0) continue;
    const step = trace.left[t];
    if (step !== undefined && mustBeOrdered(step, failing)) continue;
    yield { ...plan, turns: [...turns.slice(0, last), t, turns[last] as number] };
  }
}

/**
 * Whether a failing schedule stands for its class: the last step that the failure does not need belongs to
 * the last of the threads whose step could be the last, and is indeed not needed.
 */
export function isFailureItself({ needed, failing }: FailingPlan, trace: Trace): boolean {
  const last = trace.length - 2;
  if (failing === undefined || last < needed) return true;
  if (ordered(trace.steps[last] as Step, failing)) return false;
  for (let k = needed; k < last; k++) {
    if ((trace.thread[k] as number) <= (trace.thread[last] as number)) continue;
    let isFollowed = false;
    for (let j = k + 1; j <= last; j++) isFollowed ||= trace.precedes(k, j);
    if (!isFollowed) return false;
  }
  return true;
}

/**
 * The step with which thread `t` has thrown: the thread's last step, or the step that woke the thread; -1 if
 * the thread threw before any step.
 */
function failingStep(trace: Trace, t: number): number {
  const count = trace.count[t] as number;
  if (count === 0) return -1;
  const last = (trace.at[t] as number[])[count - 1] as number;
  return fellAsleep(trace.steps[last] as Step) ? (trace.wokenBy[last] as number) : last;
}
