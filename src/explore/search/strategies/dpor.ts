import { FAILED, type Point } from '../../running/operation.ts';
import { keyOf } from '../dependence.ts';
import { type FailingPlan, failuresOf, isFailureItself, withOneMore } from './failures.ts';
import { FIRST, isFromItsPlan, type Plan, revisitsOf } from './revisits.ts';
import { PRUNE, type RunEnd, type RunView, type Strategy } from './strategy.ts';
import { Trace } from './trace.ts';

/**
 * A part of the search, as plain data: a schedule, or a failure of a schedule, with all schedules that
 * follow; or that schedule alone.
 */
export type Subtree = {
  readonly plan: Plan | FailingPlan;
  readonly alone: boolean;
  /**
   * The schedule itself and the first so many schedules that follow from it belong to other parts: the
   * schedule runs once more, and is not counted. A number, because there may be too many to list.
   */
  readonly done?: number;
};

/** The whole search. */
export const EVERY_CLASS: readonly Subtree[] = [{ plan: FIRST, alone: false }];

/** The remaining schedules that follow from one schedule. */
type Frame = {
  readonly trace: Trace;
  readonly plans: Iterator<Plan | FailingPlan>;
  /**
   * The schedule's own plan, undefined if failures follow; and the number of plans taken that follow from the
   * schedule.
   */
  readonly of: Plan | undefined;
  taken: number;
};

/**
 * Optimal dynamic partial order reduction: of all schedules that differ only in the order of steps that do not
 * conflict, just one runs. The schedules that follow from one depend on that schedule alone, so the search
 * remembers only the path to the present schedule, and subtrees can be searched separately. After TruSt
 * (Kokologiannakis, Marmanis, Gladstein and Vafeiadis, POPL 2022), with conflicts of steps in place of
 * reads-from; revisits.ts says how.
 *
 * After a thread has thrown, the search needs to know the further steps of the other threads. So the search
 * runs such a schedule to its end as if the thread had ended, does not count that run, and runs the failures
 * separately; see failures.ts.
 */
export class Dpor implements Strategy {
  readonly name = 'dpor';
  readonly everyStep = false;
  readonly watches = true;
  /** The parts of the search that this one does, one after the other. */
  readonly subtrees: readonly Subtree[];
  /** Schedules that were run and show nothing new: given up, of a class that another one is for, or beyond a failure. */
  extra = 0;
  /** A schedule could not begin as an earlier one had, so the schedules that follow from it are missing. */
  strayed = false;
  repeats = false;
  retraced = false;
  #run: RunView | undefined;
  #subtree = -1;
  #plan: Plan | FailingPlan = FIRST;
  /** Of the subtree whose first schedule is running. */
  #alone = false;
  #done: number | undefined;
  /** A schedule was begun, and has not come to its end. */
  #open = false;
  #from: Trace | undefined;
  #first: Trace | undefined;
  #trace = new Trace(0, false);
  readonly #frames: Frame[] = [];

  constructor(subtrees = EVERY_CLASS) {
    this.subtrees = subtrees;
  }

  get goesOn(): boolean {
    return !('needed' in this.#plan);
  }

  begin(run: RunView, again: boolean): boolean {
    this.#run = run;
    if (!again && !this.#next()) return false;
    this.#open = true;
    this.#first ??= new Trace(run.threads, run.late);
    this.#trace = this.#from === undefined ? this.#first : this.#from.next;
    this.#trace.begin(this.#from, this.#plan.same);
    return true;
  }

  choose(enabled: number): number {
    const run = this.#run as RunView;
    const { turns, thread, timesOut, start, starts } = this.#plan;
    const at = run.steps;
    if (at < this.#trace.length) {
      const next = turns[at] as number;
      return (enabled & (1 << next)) !== 0 ? next : PRUNE;
    }
    this.#trace.take(run);
    let block = at;
    let t = 31 - Math.clz32(enabled & -enabled);
    if (at < turns.length) {
      t = turns[at] as number;
      if ((enabled & (1 << t)) === 0) return PRUNE;
      block = starts?.[at] ?? -1;
    } else if (at === turns.length && thread >= 0) {
      const bit = 1 << thread;
      const isThere = (enabled & bit) !== 0 && ((run.waiting & bit) !== 0) === timesOut;
      if (isThere) [t, block] = [thread, start];
    }
    this.#trace.willStep(run, t, enabled, block);
    return t;
  }

  end(how: RunEnd): void {
    const run = this.#run as RunView;
    const trace = this.#trace;
    this.#open = false;
    trace.take(run);
    trace.end(run);
    const plan = this.#plan;
    if (how === 'pruned' && run.steps < plan.turns.length - 1) this.strayed = true;
    if ('needed' in plan) this.#endFailure(plan, how === 'failed' && run.steps === plan.turns.length);
    else if (how === 'pruned' || !isFromItsPlan(trace, plan)) this.repeats = true;
    else this.#endSchedule(trace, plan, failedIn(run));
    this.retraced = this.#done !== undefined;
    // A schedule that was once the schedule of its plan has to be so again.
    if (this.retraced && this.#frames.length === 0) this.strayed = true;
    if (this.repeats && !this.retraced) this.extra++;
  }

  /**
   * Cuts the first subtree, whose schedule was run last, into at most so many subtrees, and one for all
   * others.
   */
  fork(most: number): Subtree[] {
    const plan = this.#plan;
    const forks: Subtree[] = [{ plan, alone: true }];
    if (this.#frames.length === 0) return forks;
    for (const next of revisitsOf(this.#trace)) {
      if (forks.length > most) return [...forks, { plan, alone: false, done: most }];
      forks.push({ plan: portable(next, this.#trace), alone: false });
    }
    return forks;
  }

  /**
   * All that is left to search, between two schedules or in the middle of one, which is left to search then: in order.
   * The search cannot go on afterwards.
   */
  rest(): Subtree[] {
    const rest: Subtree[] = [];
    const done = this.#done === undefined ? {} : { done: this.#done };
    if (this.#open) rest.push({ plan: portable(this.#plan, this.#from), alone: this.#alone, ...done });
    for (const { trace, plans, of, taken } of this.#frames.splice(0).reverse()) {
      if (of !== undefined) rest.push({ plan: portable(of, trace), alone: false, done: taken });
      else
        for (let next = plans.next(); next.done !== true; next = plans.next())
          rest.push({ plan: portable(next.value, trace), alone: false });
    }
    return [...rest, ...this.subtrees.slice(this.#subtree + 1)];
  }

  #endFailure(plan: FailingPlan, failed: boolean): void {
    const trace = this.#trace;
    this.repeats = !(failed && isFailureItself(plan, trace));
    if (!this.repeats) this.#hold(withOneMore(plan, trace));
  }

  /** @param failed - the threads that have thrown, as bits. */
  #endSchedule(trace: Trace, plan: Plan, failed: number): void {
    this.repeats = failed !== 0;
    const done = this.#done ?? 0;
    const plans = revisitsOf(trace);
    for (let i = 0; i < done; i++) plans.next();
    if (!this.#alone) this.#hold(plans, plan, done);
    if (failed !== 0 && this.#done === undefined) this.#hold(failuresOf(trace, failed));
  }

  #hold(plans: Frame['plans'], of?: Plan, taken = 0): void {
    this.#frames.push({ trace: this.#trace, plans, of, taken });
  }

  #next(): boolean {
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) break;
      const { value, done } = frame.plans.next();
      if (done !== true) {
        this.#plan = value;
        this.#from = frame.trace;
        frame.taken++;
        this.#alone = false;
        this.#done = undefined;
        return true;
      }
      this.#frames.pop();
    }
    const subtree = this.subtrees[++this.#subtree];
    if (subtree === undefined) return false;
    this.#plan = subtree.plan;
    this.#from = undefined;
    this.#alone = subtree.alone;
    this.#done = subtree.done;
    return true;
  }
}

/**
 * The plan without objects of this process.
 * @param trace - begins as the plan's schedule does, up to the block; undefined if the plan itself says where
 *   blocks begin.
 */
function portable(plan: Plan | FailingPlan, trace: Trace | undefined): Plan | FailingPlan {
  const starts = trace === undefined ? plan.starts : trace.starts.slice(0, plan.start);
  const beginning = starts === undefined ? {} : { starts };
  return 'needed' in plan
    ? { ...plan, ...beginning, failing: plan.failing && keyOf(plan.failing) }
    : { ...plan, ...beginning };
}

/** The threads that have thrown, as bits. */
function failedIn(run: RunView): number {
  let failed = 0;
  for (let t = 0; t < run.threads; t++) if ((run.pending[t] as Point).op === FAILED) failed |= 1 << t;
  return failed;
}
