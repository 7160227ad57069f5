import { ALL, Point, QUEUE, TIMEOUT } from '../../running/operation.ts';
import { mightBeOrdered, ordered, type Step } from '../dependence.ts';
import { foresee } from './foresight.ts';
import { followsByItself, isAble } from './rest.ts';
import { type Cut, join, type Trace } from './trace.ts';

/** How a schedule begins; after its beginning, the first thread that can go on always does. */
export type Plan = {
  /** The threads of the first steps. */
  readonly turns: readonly number[];
  /** Where the block begins that is changed; the steps before are those of the schedule that the plan comes from. */
  readonly start: number;
  /** The thread that ends the block, if it can go on then; -1 in the first schedule. */
  readonly thread: number;
  /** It is the end of that thread's sleep that ends the block, and not what the thread does once it is awake. */
  readonly timesOut: boolean;
  /** By step before the block: where its own block begins; see {@link Trace.starts}. */
  readonly starts: readonly number[];
};

/** The plan of the first schedule: nothing is planned. */
export const FIRST: Plan = { turns: [], start: 0, thread: -1, timesOut: false, starts: [] };

/**
 * The schedules that follow from one, each of another class: no other schedule leads to them, and each class but that
 * of the first schedule follows from some other, so a search that takes them all meets each class once.
 *
 * **Blocks.** Take the steps of a class one by one: always the next step x of the first thread that can go on. Where
 * other steps of the class happen before x, they come first: all those (D), and then x, are a block. Where one of
 * these takes from the thread the ability to go on, as taking a lock does, the block ends with that step, without x.
 * So each class has one row of blocks. The row depends on the order of conflicting steps alone.
 *
 * **Where a class comes from.** In the last block with a D, leave out one step of D that no other step of D comes after:
 * `a`, of the last thread that has such a step. Do the rest of D, then x, and then always let the first thread that can
 * go on do so: that is another class, in which fewer steps come before that x. Each class has just one such, and in the
 * end all come from the class in which no step ever has to come first.
 *
 * **What follows.** This goes the way back: for each x of a schedule, and each step `a` that another thread could do before
 * x, with all that `a` needs and that does not come after x, and with each choice of the steps that conflict with `a` and not
 * with x. The candidate is taken where the schedule at hand is the one that it comes from.
 */
export function* revisitsOf(trace: Trace): Generator<Plan> {
  for (let p = trace.length - 1; p >= 0; p--) {
    if ((trace.starts[p] as number) < 0) continue;
    const before = trace.cutAt(p);
    for (let u = 0; u < trace.threads; u++) {
      if (u !== trace.thread[p]) yield* new Revisits(trace, p, before, u).plans();
    }
  }
}

/**
 * Whether a schedule is the one that its plan was made for: all steps of the block happen before the step that ends it, and of
 * those that nothing in the block comes after, the one that was added is of the last thread.
 */
export function isFromItsPlan(trace: Trace, { turns, start, thread }: Plan): boolean {
  const a = turns.length - 1;
  if (trace.length < turns.length) return a < 0;
  const end = turns.length;
  const hasEnd = trace.thread[end] === thread && trace.starts[end] === start && thread >= 0;
  for (let k = start; k <= a; k++) {
    if (hasEnd && !trace.has(trace.past[end] as Cut, k)) return false;
    if ((trace.thread[k] as number) <= (trace.thread[a] as number)) continue;
    let isFollowed = false;
    for (let j = k + 1; j <= a; j++) isFollowed ||= trace.has(trace.past[j] as Cut, k);
    if (!isFollowed) return false;
  }
  return true;
}

/** The plans in which thread `u` does a step before the step at `p`. */
class Revisits {
  readonly #trace: Trace;
  readonly #p: number;
  readonly #x: Step;
  readonly #t: number;
  readonly #before: Cut;
  readonly #u: number;

  constructor(trace: Trace, p: number, before: Cut, u: number) {
    this.#trace = trace;
    this.#p = p;
    this.#x = trace.steps[p] as Step;
    this.#t = trace.thread[p] as number;
    this.#before = before;
    this.#u = u;
  }

  *plans(): Generator<Plan> {
    const trace = this.#trace;
    const u = this.#u;
    const timeout = this.#timeoutInstead();
    if (timeout !== undefined) yield* this.#plansFor(timeout, this.#before);
    const mine = trace.at[u] as number[];
    for (let i = this.#before[u] as number; i <= mine.length; i++) {
      const k = mine[i];
      const a = k === undefined ? trace.left[u] : trace.steps[k];
      const known = (k === undefined ? trace.now[u] : trace.known[k]) as Cut;
      if (a === undefined || this.#comesAfter(known)) return;
      if (mightBeOrdered(a, this.#x)) yield* this.#plansFor(a, known);
    }
  }

  /** The end of the sleep of `u`, where its time was up before x and x, or a step after it, has woken it. */
  #timeoutInstead(): Step | undefined {
    const trace = this.#trace;
    const u = this.#u;
    if (((trace.able[this.#p] as number) & (1 << u)) === 0 || !trace.sleeps(u, this.#before))
      return undefined;
    const mine = trace.at[u] as number[];
    const done = this.#before[u] as number;
    const next = mine[done];
    if (next !== undefined && (trace.steps[next] as Step).point.op === TIMEOUT) return undefined;
    const { array, index, a, b, at } = (trace.steps[mine[done - 1] as number] as Step).point;
    const point = new Point(TIMEOUT, array, index, a, b, at);
    const step = { point, effect: trace.late ? ALL : QUEUE, awaits: undefined };
    return mightBeOrdered(step, this.#x) ? step : undefined;
  }

  #comesAfter(cut: Cut): boolean {
    return (cut[this.#t] as number) > (this.#before[this.#t] as number);
  }

  /**
   * The plans for one step `a`: each choice of the steps that may come before it.
   * @param known - the steps that have to.
   */
  *#plansFor(a: Step, known: Cut): Generator<Plan> {
    const needed = join(this.#before.slice(), known);
    const options = this.#optionsFor(a, needed);
    const all = needed.slice();
    for (const k of options) join(all, this.#trace.past[k] as Cut);
    if (!this.#followsFrom(all)) return;
    yield* this.#choose(a, known, options, options.length - 1, needed);
  }

  /** Steps that conflict with `a`, and neither come after x nor have to come before `a`. */
  #optionsFor(a: Step, needed: Cut): number[] {
    const trace = this.#trace;
    const options: number[] = [];
    for (let k = this.#p + 1; k < trace.length; k++) {
      if (trace.has(needed, k)) continue;
      const past = trace.past[k] as Cut;
      const isFree = !this.#comesAfter(past) && (past[this.#u] as number) <= (needed[this.#u] as number);
      if (isFree && mightBeOrdered(a, trace.steps[k] as Step)) options.push(k);
    }
    return options;
  }

  *#choose(a: Step, known: Cut, options: readonly number[], i: number, chosen: Cut): Generator<Plan> {
    const trace = this.#trace;
    if (i < 0) {
      if (!this.#isPossible(a, chosen) || !this.#isBlock(a, known, chosen)) return;
      if (this.#followsFrom(chosen)) yield this.#plan(chosen);
      return;
    }
    const k = options[i] as number;
    if (trace.has(chosen, k)) {
      yield* this.#choose(a, known, options, i - 1, chosen);
      return;
    }
    yield* this.#choose(a, known, options, i - 1, join(chosen.slice(), trace.past[k] as Cut));
    const most = chosen.slice();
    for (let j = 0; j < i; j++) join(most, trace.past[options[j] as number] as Cut);
    if (this.#followsFrom(most)) yield* this.#choose(a, known, options, i - 1, chosen);
  }

  /** Whether the schedule at hand is what comes of doing the steps of a cut, and then x. */
  #followsFrom(cut: Cut): boolean {
    const withX = cut.slice();
    withX[this.#t] = (withX[this.#t] as number) + 1;
    // guard: class-comes-from-one
    return followsByItself(this.#trace, withX);
  }

  /** Whether `u` could do `a` after the steps of a cut. */
  #isPossible(a: Step, cut: Cut): boolean {
    const trace = this.#trace;
    if (cut.every((count, t) => count === this.#before[t]))
      return ((trace.able[this.#p] as number) & (1 << this.#u)) !== 0;
    // While x can go on, time does not.
    return !(trace.late && a.point.op === TIMEOUT) && isAble(trace, cut, this.#u, a);
  }

  /**
   * Whether the steps of a cut and `a` would be all that x, or the loss of x, needs, and of those that nothing else needs `a`
   * would be the one of the last thread. Where that cannot be told yet, the schedule itself will tell.
   */
  #isBlock(a: Step, known: Cut, cut: Cut): boolean {
    const trace = this.#trace;
    const foreseen = foresee(trace, cut, a, this.#x);
    if (foreseen === undefined) return true;
    if (!ordered(foreseen.a, foreseen.x)) return false;
    for (let k = trace.starts[this.#p] as number; k < trace.length; k++) {
      if (k === this.#p || !trace.has(cut, k) || trace.has(known, k)) continue;
      const step = trace.steps[k] as Step;
      if (ordered(foreseen.a, step) || this.#isFollowed(k, cut)) continue;
      if ((trace.thread[k] as number) > this.#u || !ordered(step, foreseen.x)) return false;
    }
    return true;
  }

  /** Whether another step of the block, but for x, would happen after step k. */
  #isFollowed(k: number, cut: Cut): boolean {
    const trace = this.#trace;
    for (let j = k + 1; j < trace.length; j++) {
      if (j !== this.#p && trace.has(cut, j) && trace.has(trace.past[j] as Cut, k)) return true;
    }
    return false;
  }

  #plan(cut: Cut): Plan {
    const trace = this.#trace;
    const turns = trace.thread.slice(0, this.#p);
    for (let k = this.#p + 1; k < trace.length; k++)
      if (trace.has(cut, k)) turns.push(trace.thread[k] as number);
    turns.push(this.#u);
    const start = trace.starts[this.#p] as number;
    const timesOut = this.#x.point.op === TIMEOUT;
    return { turns, start, thread: this.#t, timesOut, starts: trace.starts.slice(0, start) };
  }
}
