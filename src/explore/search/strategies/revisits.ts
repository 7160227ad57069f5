import { ALL, CAS, Point, QUEUE, TIMEOUT, WAIT } from '../../running/operation.ts';
import { mightBeOrdered, ordered, type Step } from '../dependence.ts';
import { foresee } from './foresight.ts';
import { addNeeded, followsByItself, isAble, isWithin } from './rest.ts';
import { type Cut, join, type Trace, wordsOf } from './trace.ts';

/** How a schedule begins; after its beginning, the first thread that can go on always does. */
export type Plan = {
  /** The threads of the first steps. */
  readonly turns: readonly number[];
  /** How many of them are those of the schedule that the plan comes from. */
  readonly same: number;
  /** Where the block begins that is changed; the steps from there to the end of the turns have to come first. */
  readonly start: number;
  /** The thread that ends the block, if the thread can go on then; -1 in the first schedule. */
  readonly thread: number;
  /** The end of that thread's sleep ends the block, and not the thread's first step after the sleep. */
  readonly timesOut: boolean;
  /** By step before the block: where its own block begins, where the plan is carried out apart; see {@link Trace.starts}. */
  readonly starts?: readonly number[];
};

/** The plan of the first schedule: nothing is planned. */
export const FIRST: Plan = { turns: [], same: 0, start: 0, thread: -1, timesOut: false };

/**
 * The schedules that follow from one, each of another class: no other schedule leads to them, and each class
 * but that of the first schedule follows from some other, so a search that takes all of them meets each class
 * once.
 *
 * **Blocks.** Take the steps of a class one by one: always the next step x of the first thread that can go
 * on. Other steps of the class that happen before x come first: all those (D), and then x, are a block. If
 * one of these steps makes the thread unable to go on, as taking a lock does, the block ends with that step,
 * without x. So each class has one row of blocks. The row depends on the order of conflicting steps alone.
 *
 * **Where a class comes from.** In the last block with a D, leave out one step of D that no other step of D
 * comes after: `a`, of the last thread that has such a step. Do the rest of D, then x, and then always let
 * the first thread that can go on do so: that is another class, in which fewer steps come before that x. Each
 * class comes from just one other in this way, and in the end all come from the class in which no step ever
 * has to come first.
 *
 * **What follows.** This is the reverse: for each x of a schedule, and each step `a` that another thread
 * could do before x, with all that `a` needs and that does not come after x, and with each choice of the
 * steps that conflict with `a` and not with x. The search takes a candidate if the candidate comes from the
 * schedule at hand.
 */
export function* revisitsOf(trace: Trace): Generator<Plan> {
  const { thread, own } = trace;
  const least = leastOf(trace);
  const first = firstOf(trace, least);
  if (first >= trace.length) return;
  const revisits = new Revisits(trace);
  for (let p = trace.length - 1; p >= first; p--) {
    const isLate = (own[p] as number) >= (least[thread[p] as number] as number);
    if (!revisits.moveBefore(p, isLate)) continue;
    for (let u = 0; u < trace.threads; u++) {
      if (u === trace.thread[p]) continue;
      revisits.begin(u);
      while (revisits.findStep()) yield* revisits.plans();
    }
  }
}

/**
 * Whether a schedule is the one that its plan was made for: all steps of the block happen before the step
 * that ends the block; and of the steps that no other step of the block comes after, the added step belongs
 * to the last thread.
 */
export function isFromItsPlan(trace: Trace, { turns, start, thread }: Plan): boolean {
  const a = turns.length - 1;
  if (trace.length < turns.length) return a < 0;
  const end = turns.length;
  const hasEnd =
    end < trace.length && thread >= 0 && trace.thread[end] === thread && trace.starts[end] === start;
  for (let k = start; k <= a; k++) {
    if (hasEnd && !trace.precedes(k, end)) return false;
    if ((trace.thread[k] as number) <= (trace.thread[a] as number)) continue;
    let isFollowed = false;
    for (let j = k + 1; j <= a; j++) isFollowed ||= trace.precedes(k, j);
    if (!isFollowed) return false;
  }
  return true;
}

/** By thread: the number of its first step that comes before no step that is needed whatever x is. */
function leastOf(trace: Trace): Cut {
  const { threads, at, past } = trace;
  const always = new Array<number>(threads).fill(0);
  addNeeded(trace, always, trace.count);
  const least = always.slice();
  for (let u = 0; u < threads; u++) {
    const count = always[u] as number;
    if (count === 0) continue;
    const last = ((at[u] as number[])[count - 1] as number) * threads;
    for (let t = 0; t < threads; t++) {
      const number = past[last + t] as number;
      if (t !== u && number >= (least[t] as number)) least[t] = number + 1;
    }
  }
  return least;
}

/** The position of the first step of which `leastOf` holds; the length of the trace if there is none. */
function firstOf({ threads, at, count, length }: Trace, least: Cut): number {
  let first = length;
  for (let t = 0; t < threads; t++) {
    const number = Math.max(1, least[t] as number);
    if (number <= (count[t] as number)) first = Math.min(first, (at[t] as number[])[number - 1] as number);
  }
  return first;
}

/** The plans in which some step comes before the step at `p`, and could not in the schedule at hand. */
class Revisits {
  readonly #trace: Trace;
  #p: number;
  /** The step at `p`, and its thread. */
  #x: Step;
  #t = 0;
  #u = 0;
  /** All steps before p. */
  readonly #before: Cut;
  /** All steps that do not come after x. */
  readonly #free: Cut;
  /** Steps that have to come before x, whichever step does besides; and x. */
  readonly #needed: Cut;
  /** Of the steps of `u`: the next one to look at, the last one, and the end of a sleep in the place of the first. */
  #next = 0;
  #last = 0;
  #mine: readonly number[] = [];
  #timeout: Step | undefined;
  /**
   * The step found, the steps that its thread knew of, and all steps that come before x together with the
   * step found.
   */
  #a: Step;
  readonly #known: Cut = [];
  readonly #chosen: Cut = [];

  constructor(trace: Trace) {
    this.#trace = trace;
    this.#p = trace.length;
    this.#x = trace.steps[0] as Step;
    this.#a = this.#x;
    this.#before = trace.whole();
    this.#free = trace.whole();
    this.#needed = trace.whole();
  }

  /**
   * Goes back by one step, to the step at `p`.
   * @param mayMove - false if it is known that no other step may come before the step at `p`.
   * @returns false if no other step may come before the step at `p`.
   */
  moveBefore(p: number, mayMove: boolean): boolean {
    const { thread, threads, starts, steps, past, own, at, count } = this.#trace;
    const t = thread[p] as number;
    const before = this.#before;
    before[t] = (before[t] as number) - 1;
    if (!mayMove || (starts[p] as number) < 0) return false;
    this.#p = p;
    this.#x = steps[p] as Step;
    this.#t = t;
    const free = this.#free;
    const number = own[p] as number;
    for (let u = 0; u < threads; u++) {
      const mine = at[u] as number[];
      let least = u === t ? number : (before[u] as number);
      let most = u === t ? number : (count[u] as number);
      while (least < most) {
        const middle = (least + most) >> 1;
        if ((past[(mine[middle] as number) * threads + t] as number) < number) least = middle + 1;
        else most = middle;
      }
      free[u] = least;
    }
    const needed = this.#needed;
    for (let u = 0; u < threads; u++) needed[u] = before[u] as number;
    needed[t] = number;
    return addNeeded(this.#trace, needed, free);
  }

  /** Begins with the steps of thread `u`. */
  begin(u: number): void {
    const { at, count } = this.#trace;
    this.#u = u;
    this.#next = this.#before[u] as number;
    // The step after the last free one may come before x if only the step itself, and nothing before, comes after x.
    this.#last = Math.min(this.#free[u] as number, (count[u] as number) - 1);
    this.#mine = at[u] as number[];
    this.#timeout = this.#timeoutInstead();
  }

  /** Finds the next step of `u` that could come before x, and would conflict with x: see `plans`. */
  findStep(): boolean {
    const trace = this.#trace;
    const u = this.#u;
    const timeout = this.#timeout;
    if (timeout !== undefined) {
      this.#timeout = undefined;
      this.#take(timeout, this.#before, 0);
      return true;
    }
    const { threads, steps, touched, left, now, known, count } = trace;
    const words = touched[this.#p] as number;
    const before = this.#before[this.#t] as number;
    while (this.#next <= this.#last) {
      const k = this.#mine[this.#next++] as number;
      if (((touched[k] as number) & words) === 0) continue;
      if ((known[k * threads + this.#t] as number) > before) break;
      const a = steps[k] as Step;
      if (!mightBeOrdered(a, this.#x)) continue;
      this.#take(a, known, k * threads);
      return true;
    }
    const isAtEnd = this.#next === count[u];
    this.#next = Infinity;
    const a = left[u];
    if (!isAtEnd || a === undefined || (now[u * threads + this.#t] as number) > before) return false;
    if ((wordsOf(a) & words) === 0 || !mightBeOrdered(a, this.#x)) return false;
    this.#take(a, now, u * threads);
    return true;
  }

  #take(a: Step, row: readonly number[], from: number): void {
    this.#a = a;
    for (let t = 0; t < this.#trace.threads; t++) {
      const count = row[from + t] as number;
      this.#known[t] = count;
      this.#chosen[t] = Math.max(count, this.#before[t] as number);
    }
  }

  /** The end of the sleep of `u`, if its time was up before x and x, or a later step, has woken `u`. */
  #timeoutInstead(): Step | undefined {
    const trace = this.#trace;
    const u = this.#u;
    if (((trace.able[this.#p] as number) & (1 << u)) === 0 || !trace.sleeps(u, this.#before))
      return undefined;
    const mine = trace.at[u] as number[];
    const done = this.#before[u] as number;
    const isLast = done === trace.count[u];
    if (!isLast && (trace.steps[mine[done] as number] as Step).point.op === TIMEOUT) return undefined;
    const { array, index, a, b, at } = (trace.steps[mine[done - 1] as number] as Step).point;
    const point = new Point(TIMEOUT, array, index, a, b, at);
    const step = { point, effect: trace.late ? ALL : QUEUE, awaits: undefined };
    return mightBeOrdered(step, this.#x) ? step : undefined;
  }

  #comesAfter(k: number): boolean {
    const { past, threads } = this.#trace;
    return (past[k * threads + this.#t] as number) > (this.#before[this.#t] as number);
  }

  /** The plans for the step found: one for each choice of the steps that may come before this step. */
  *plans(): Generator<Plan> {
    const options = this.#optionsFor(this.#a, this.#chosen);
    if (options.length > 0) yield* this.#choose(options, options.length - 1, this.#chosen);
    else if (this.#isRight(this.#chosen)) yield this.#plan(this.#chosen);
  }

  /**
   * Steps that conflict with `a`, or with x as `a` may have x answered: a wait that sleeps then, or a compareExchange that takes
   * place. None of them comes after x, or has to come before `a`.
   */
  #optionsFor(a: Step, needed: Cut): number[] {
    const { length, threads, touched, past, steps } = this.#trace;
    const options: number[] = [];
    const x = this.#x;
    const mayChange = x.point.op === WAIT || x.point.op === CAS;
    const words = wordsOf(a) | (mayChange ? wordsOf(x) : 0);
    const own = needed[this.#u] as number;
    for (let k = this.#p + 1; k < length; k++) {
      if (((touched[k] as number) & words) === 0 || this.#trace.has(needed, k)) continue;
      const isFree = !this.#comesAfter(k) && (past[k * threads + this.#u] as number) <= own;
      if (!isFree) continue;
      const step = steps[k] as Step;
      // guard: answer-may-change
      if (mightBeOrdered(a, step) || (mayChange && mightBeOrdered(x, step))) options.push(k);
    }
    return options;
  }

  /** @param i - the options up to this one are to be chosen from. */
  *#choose(options: readonly number[], i: number, chosen: Cut): Generator<Plan> {
    const trace = this.#trace;
    const needed = this.#neededWith(chosen, options, i);
    if (needed === undefined) return;
    if (i < 0) {
      if (this.#isRight(chosen)) yield this.#plan(chosen);
      return;
    }
    const k = options[i] as number;
    if (trace.has(chosen, k)) {
      yield* this.#choose(options, i - 1, chosen);
      return;
    }
    const withIt = chosen.slice();
    trace.addPast(withIt, k);
    yield* this.#choose(options, i - 1, withIt);
    if (!trace.has(needed, k)) yield* this.#choose(options, i - 1, chosen);
  }

  /**
   * Whether the step found, after the steps of a cut, is the last step before x in a class that follows from
   * the schedule at hand.
   */
  #isRight(cut: Cut): boolean {
    return (
      this.#isPossible(this.#a, cut) && this.#isBlock(this.#a, this.#known, cut) && this.#followsFrom(cut)
    );
  }

  /**
   * All steps that have to come before x together with the steps of a cut; undefined if some of them can no
   * longer be chosen.
   */
  #neededWith(chosen: Cut, options: readonly number[], i: number): Cut | undefined {
    const trace = this.#trace;
    const most = chosen.slice();
    for (let j = 0; j <= i; j++) trace.addPast(most, options[j] as number);
    most[this.#t] = trace.own[this.#p] as number;
    if (!isWithin(this.#needed, most)) return undefined;
    const needed = chosen.slice();
    join(needed, this.#needed);
    return addNeeded(trace, needed, most) ? needed : undefined;
  }

  /** Whether the steps of a cut, and then x, lead to the schedule at hand. */
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
   * Whether the steps of a cut and `a` would be all that x, or the loss of x, needs, and whether, of the
   * steps that no other step needs, `a` would be the last thread's. True if unknown: then the schedule itself
   * will show the answer.
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
      if (j !== this.#p && trace.has(cut, j) && trace.precedes(k, j)) return true;
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
    return { turns, same: this.#p, start, thread: this.#t, timesOut };
  }
}
