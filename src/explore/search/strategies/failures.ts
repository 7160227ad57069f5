import { mustBeOrdered, ordered, type Step, type StepKey } from '../dependence.ts';
import { followsByItself } from './rest.ts';
import { FIRST, type Plan } from './revisits.ts';
import { type Cut, fellAsleep, type Trace } from './trace.ts';

/** A schedule that ends with a failing step, after the steps that have to come before it, and some that need not. */
export type FailingPlan = Plan & {
  readonly failing: StepKey | undefined;
  /** How many of the first turns have to come before the failing step. */
  readonly needed: number;
};

/**
 * The failures that a schedule shows, in which the other threads went on where one had thrown: the steps that a failing step
 * needs, and that step. A failure may show in many schedules; it is taken from the one in which all else follows by itself.
 * @param failed - the threads that have thrown, as bits.
 */
export function* failuresOf(trace: Trace, failed: number): Generator<FailingPlan> {
  const positions: number[] = [];
  for (let t = 0; t < trace.threads; t++)
    if ((failed & (1 << t)) !== 0) positions.push(failingStep(trace, t));
  for (const f of new Set(positions)) {
    const past = f < 0 ? new Array<number>(trace.threads).fill(0) : (trace.past[f] as Cut);
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

/** The same failure after one more step that it does not need; `trace` has ended with it. */
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
 * Whether a schedule that has failed is the one for its class: the last of the steps that the failure does not need is of
 * the last thread of those that could be the last, and is indeed not needed.
 */
export function isFailureItself({ needed, failing }: FailingPlan, trace: Trace): boolean {
  const last = trace.length - 2;
  if (failing === undefined || last < needed) return true;
  if (ordered(trace.steps[last] as Step, failing)) return false;
  for (let k = needed; k < last; k++) {
    if ((trace.thread[k] as number) <= (trace.thread[last] as number)) continue;
    let isFollowed = false;
    for (let j = k + 1; j <= last; j++) isFollowed ||= trace.has(trace.past[j] as Cut, k);
    if (!isFollowed) return false;
  }
  return true;
}

/** The step with which thread `t` has thrown: its last one, or the one that woke it; -1 where it threw before any. */
function failingStep(trace: Trace, t: number): number {
  const last = (trace.at[t] as number[]).at(-1);
  if (last === undefined) return -1;
  return fellAsleep(trace.steps[last] as Step) ? (trace.wokenBy[last] as number) : last;
}
