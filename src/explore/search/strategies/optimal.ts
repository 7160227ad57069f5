import { FAILED, type Point } from '../../running/operation.ts';
import { type FailingPlan, failuresOf, isFailureItself, withOneMore } from './failures.ts';
import { FIRST, isFromItsPlan, type Plan, revisitsOf } from './revisits.ts';
import { PRUNE, type RunEnd, type RunView, type Strategy } from './strategy.ts';
import { Trace } from './trace.ts';

/** A part of the search, as plain data: a schedule and all that follow from it, or that schedule alone. */
export type Subtree = { readonly plan: Plan; readonly alone: boolean };

/** The whole search. */
export const EVERY_CLASS: readonly Subtree[] = [{ plan: FIRST, alone: false }];

/** What is left to do of what follows from one schedule. */
type Frame = { readonly trace: Trace; readonly plans: Iterator<Plan | FailingPlan> };

/**
 * Optimal partial order reduction: of all schedules that differ only in the order of steps that do not conflict, just one runs.
 * Which schedules follow from one depends on that schedule alone, so nothing is remembered but the way to the present
 * one, and subtrees can be searched apart. After TruSt (Kokologiannakis, Marmanis, Gladstein and Vafeiadis, POPL 2022),
 * for steps that conflict or do not, in the place of reads-from; revisits.ts says how.
 *
 * Where a thread throws, the search needs to know what the others would do without it. So such a schedule is run to its
 * end as if the thread had ended, which counts as no schedule, and its failures are run by themselves; see failures.ts.
 */
export class Optimal implements Strategy {
  readonly name = 'optimal';
  readonly everyStep = false;
  readonly watches = true;
  /** The parts of the search that this one does, one after the other. */
  readonly subtrees: readonly Subtree[];
  /** Schedules that were run and show nothing new: given up, of a class that another one is for, or beyond a failure. */
  extra = 0;
  /** A schedule could not begin as an earlier one had, so that what follows from it is missing. */
  strayed = false;
  repeats = false;
  #run: RunView | undefined;
  #subtree = -1;
  #plan: Plan | FailingPlan = FIRST;
  #from: Trace | undefined;
  #trace = new Trace(0, false);
  /** A frame holds the present trace. */
  #isHeld = true;
  readonly #frames: Frame[] = [];
  /** Traces of schedules from which nothing more follows, to be used again. */
  readonly #free: Trace[] = [];

  constructor(subtrees = EVERY_CLASS) {
    this.subtrees = subtrees;
  }

  get goesOn(): boolean {
    return !('failing' in this.#plan);
  }

  begin(run: RunView, again: boolean): boolean {
    this.#run = run;
    if (!again && !this.#next()) return false;
    if (this.#isHeld) this.#trace = this.#free.pop() ?? new Trace(run.threads, run.late);
    this.#isHeld = false;
    this.#trace.begin(this.#from, this.#plan.same);
    return true;
  }

  choose(enabled: number): number {
    const run = this.#run as RunView;
    const { turns, thread, timesOut, start, starts } = this.#plan;
    const at = run.steps;
    this.#trace.take(run);
    let block = at;
    let t = 31 - Math.clz32(enabled & -enabled);
    if (at < turns.length) {
      t = turns[at] as number;
      if ((enabled & (1 << t)) === 0) return PRUNE;
      if (at < this.#trace.length) return t;
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
    trace.take(run);
    trace.end(run);
    const plan = this.#plan;
    if (how === 'pruned' && run.steps < plan.turns.length - 1) this.strayed = true;
    if ('failing' in plan) this.#endFailure(plan, how === 'failed' && run.steps === plan.turns.length);
    else if (how === 'pruned' || !isFromItsPlan(trace, plan)) this.repeats = true;
    else this.#endSchedule(trace, failedIn(run));
    if (this.repeats) this.extra++;
  }

  /** The plans of all that follows from the schedule that was run last, without what follows from those. */
  fork(): Plan[] {
    if (this.#frames.length === 0) return [];
    const { starts } = this.#trace;
    return Array.from(revisitsOf(this.#trace), (plan) => ({ ...plan, starts: starts.slice(0, plan.start) }));
  }

  #endFailure(plan: FailingPlan, failed: boolean): void {
    const trace = this.#trace;
    this.repeats = !(failed && isFailureItself(plan, trace));
    if (!this.repeats) this.#hold(withOneMore(plan, trace));
  }

  /** @param failed - the threads that have thrown, as bits. */
  #endSchedule(trace: Trace, failed: number): void {
    this.repeats = failed !== 0;
    const isAlone = this.subtrees[this.#subtree]?.alone === true;
    if (failed !== 0 || !isAlone) this.#hold(plansOf(trace, failed, isAlone));
  }

  #hold(plans: Frame['plans']): void {
    this.#frames.push({ trace: this.#trace, plans });
    this.#isHeld = true;
  }

  #next(): boolean {
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) break;
      const { value, done } = frame.plans.next();
      if (done !== true) {
        this.#plan = value;
        this.#from = frame.trace;
        return true;
      }
      this.#frames.pop();
      this.#free.push(frame.trace);
    }
    const subtree = this.subtrees[++this.#subtree];
    if (subtree === undefined) return false;
    this.#plan = subtree.plan;
    this.#from = undefined;
    return true;
  }
}

/** All that follows from a schedule: its failures first. */
function* plansOf(trace: Trace, failed: number, isAlone: boolean): Generator<Plan | FailingPlan> {
  if (failed !== 0) yield* failuresOf(trace, failed);
  if (!isAlone) yield* revisitsOf(trace);
}

/** The threads that have thrown, as bits. */
function failedIn(run: RunView): number {
  let failed = 0;
  for (let t = 0; t < run.threads; t++) if ((run.pending[t] as Point).op === FAILED) failed |= 1 << t;
  return failed;
}
