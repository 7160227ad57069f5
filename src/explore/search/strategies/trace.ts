import { effectOf, valueAt } from '../../running/execute.ts';
import {
  ALL,
  ENDED,
  LOCK,
  NOTIFY,
  type Point,
  QUEUE,
  type Value,
  WAIT,
  WRITE,
} from '../../running/operation.ts';
import { ordered, type Step } from '../dependence.ts';
import type { RunView } from './strategy.ts';

/**
 * A set of steps of a trace that contains, with each step, all steps that happen before this step: by thread,
 * the number of its first steps in the set.
 */
export type Cut = number[];

/**
 * The steps of one schedule with their happens-before: the order of each thread, the order of conflicting
 * steps, and a notify before all later steps of the threads that it woke. Schedules of one class have the
 * same steps with the same order.
 *
 * A step's name is its position in the schedule. All arrays are indexed by position, except those of the
 * threads and of the end. Another schedule reuses the trace: arrays do not shrink, and `length` and `count`
 * say how many entries are valid.
 */
export class Trace {
  readonly threads: number;
  readonly late: boolean;
  length = 0;
  readonly thread: number[] = [];
  readonly steps: Step[] = [];
  /** The words that the step touches, or awaited a change of, as bits: two steps without a common bit do not conflict. */
  readonly touched: number[] = [];
  /** The number of the step among its thread's own, from 1. */
  readonly own: number[] = [];
  /** By position and thread: the steps that happen before this one, and itself. */
  readonly past: number[] = [];
  /**
   * Of those, the steps that the thread knew of before this step: without the steps that conflict with this
   * one.
   */
  readonly known: number[] = [];
  /** The threads that could go on before the step, as bits. */
  readonly able: number[] = [];
  /** The beginning of the block that the step ends; -1 for a step within a block. See revisits.ts. */
  readonly starts: number[] = [];
  /** Of a wait that fell asleep: the position of the notify that woke the thread; -1 for none. */
  readonly wokenBy: number[] = [];
  /**
   * The value of the step's element before the step, and after a step that writes the element; undefined for
   * the end of a sleep.
   */
  readonly #seen: Value[] = [];
  readonly #written: Value[] = [];
  /** By thread: the positions of its steps, and their number. */
  readonly at: readonly number[][];
  readonly count: number[];
  /** By thread and thread, at the end: the number of the second thread's steps that the first knows of. */
  readonly now: number[];
  /** By thread, at the end: the thread's next step; undefined if the thread has ended or sleeps. */
  readonly left: (Step | undefined)[] = [];
  /** By thread and number of its steps done, at the end, for the threads of `stopping`: see `stopOf`. */
  readonly #stops: readonly number[][];
  /** The threads that may have been unable to go on somewhere, as bits; some of them may not. */
  stopping = 0;
  /** Sleepers could go on because their time was up, while other threads could go on too. */
  timesOut = false;
  #next: Trace | undefined;
  /** How many of the first steps are also those of the trace whose `next` this is. */
  #common = 0;

  constructor(threads: number, late: boolean) {
    this.threads = threads;
    this.late = late;
    this.at = Array.from({ length: threads }, () => []);
    this.#stops = Array.from({ length: threads }, () => []);
    this.count = new Array<number>(threads).fill(0);
    this.now = new Array<number>(threads * threads).fill(0);
  }

  /** The trace of the next schedule that follows from this one. */
  get next(): Trace {
    this.#next ??= new Trace(this.threads, this.late);
    return this.#next;
  }

  /**
   * Begins as the first `length` steps of another trace, whose `next` this is, or without any. The steps that this
   * trace has of that one already stay.
   */
  begin(from?: Trace, length = 0): void {
    const kept = from === undefined ? 0 : Math.min(this.#common, length, this.length);
    this.#goBack(kept);
    if (kept === 0) this.stopping = 0;
    this.timesOut = from?.timesOut ?? false;
    if (from !== undefined) for (let k = kept; k < length; k++) this.#copy(from, k);
    this.#common = from === undefined ? 0 : length;
    if (this.#next !== undefined) this.#next.#common = Math.min(this.#next.#common, kept);
  }

  /** Leaves the first `length` steps. */
  #goBack(length: number): void {
    const { threads, thread, steps, count, wokenBy, at, past, now } = this;
    let changed = 0;
    for (let k = this.length - 1; k >= length; k--) {
      const t = thread[k] as number;
      count[t] = (count[t] as number) - 1;
      changed |= 1 << t;
      // A notify may have woken any thread.
      if ((steps[k] as Step).point.op === NOTIFY) changed = -1;
    }
    this.length = length;
    for (let t = 0; t < threads; t++) {
      if ((changed & (1 << t)) === 0) continue;
      const done = count[t] as number;
      const last = done === 0 ? -1 : ((at[t] as number[])[done - 1] as number);
      for (let u = 0; u < threads; u++)
        now[t * threads + u] = last < 0 ? 0 : (past[last * threads + u] as number);
      if (last < 0) continue;
      const waker = wokenBy[last] as number;
      if (waker >= length) wokenBy[last] = -1;
      else if (waker >= 0) raise(now, t * threads, past, waker * threads, threads);
    }
  }

  /** All steps, as a cut. */
  whole(): Cut {
    return this.count.slice();
  }

  has(cut: Cut, k: number): boolean {
    return (cut[this.thread[k] as number] as number) >= (this.own[k] as number);
  }

  /** Whether step k happens before step j, or is step j. */
  precedes(k: number, j: number): boolean {
    return (this.past[j * this.threads + (this.thread[k] as number)] as number) >= (this.own[k] as number);
  }

  /** Adds step k, with all that happens before, to a cut. */
  addPast(cut: Cut, k: number): void {
    join(cut, this.past, k * this.threads);
  }

  /** Records the state before the next step of thread `t`. */
  willStep(run: RunView, t: number, able: number, start: number): void {
    const k = run.steps;
    this.able[k] = able;
    this.starts[k] = start;
    if (!this.late && (able & run.waiting) !== 0) this.timesOut = true;
    const point = run.pending[t] as Point;
    this.#seen[k] = (run.waiting & (1 << t)) === 0 ? valueAt(point) : undefined;
  }

  /** Takes in the steps that have been done since the last time: one at most, or those of a beginning that was copied. */
  take(run: RunView): void {
    for (let k = this.length; k < run.steps; k++) this.#takeStep(run, k);
  }

  #takeStep(run: RunView, k: number): void {
    const { threads, now, past } = this;
    const t = run.stepThread[k] as number;
    const point = run.stepPoint[k] as Point;
    const step = { point, effect: run.stepEffect[k] as number, awaits: run.stepAwaits[k] };
    const touched = wordsOf(step);
    const base = k * threads;
    for (let u = 0; u < threads; u++) {
      const count = now[t * threads + u] as number;
      this.known[base + u] = count;
      past[base + u] = count;
    }
    for (let u = 0; u < threads; u++) {
      if (u === t) continue;
      // Its last step that conflicts: the ones before happen before that one.
      const its = this.at[u] as number[];
      for (let i = (this.count[u] as number) - 1; i >= (past[base + u] as number); i--) {
        const j = its[i] as number;
        if (((this.touched[j] as number) & touched) === 0 || !ordered(this.steps[j] as Step, step)) continue;
        raise(past, base, past, j * threads, threads);
        break;
      }
    }
    past[base + t] = (this.count[t] as number) + 1;
    this.#written[k] = (step.effect & WRITE) === 0 ? undefined : valueAt(point);
    this.#add(k, t, step, touched);
    for (let woke = run.stepWoke[k] as number; woke !== 0; woke &= woke - 1)
      this.#wake(31 - Math.clz32(woke & -woke), k);
  }

  /** Notes how the schedule has ended. */
  end(run: RunView): void {
    for (let t = 0; t < this.threads; t++) {
      const point = run.pending[t] as Point;
      const isLeft = point.op < ENDED && (run.waiting & (1 << t)) === 0;
      this.left[t] = isLeft
        ? { point, effect: effectOf(point, undefined), awaits: run.loopAt(t) }
        : undefined;
      if ((this.stopping & (1 << t)) === 0) continue;
      const mine = this.at[t] as number[];
      const stops = this.#stops[t] as number[];
      let stop = this.count[t] as number;
      stops[stop] = stop;
      for (let i = stop - 1; i >= 0; i--) {
        if (this.#mayStop(mine, i)) stop = i;
        stops[i] = stop;
      }
    }
  }

  /** The number of steps after which thread `t`, which has done so many, may next be unable to go on. */
  stopOf(t: number, done: number): number {
    const known = (this.stopping & (1 << t)) === 0 ? this.count[t] : (this.#stops[t] as number[])[done];
    return known as number;
  }

  /** Whether a thread may be unable to go on before its i-th step: at a lock, in a loop that waits, or asleep. */
  #mayStop(mine: readonly number[], i: number): boolean {
    const { point, awaits } = this.steps[mine[i] as number] as Step;
    if (point.op === LOCK || awaits !== undefined) return true;
    return i > 0 && fellAsleep(this.steps[mine[i - 1] as number] as Step);
  }

  /** Whether thread `t` sleeps after the steps of a cut. */
  sleeps(t: number, cut: Cut): boolean {
    const done = cut[t] as number;
    if (done === 0) return false;
    const last = (this.at[t] as number[])[done - 1] as number;
    if (!fellAsleep(this.steps[last] as Step)) return false;
    const waker = this.wokenBy[last] as number;
    return waker < 0 || !this.has(cut, waker);
  }

  /** The value of one byte after the steps of a cut; undefined where no step of the trace touches the byte. */
  byteAt(cut: Cut, at: number): number | undefined {
    const bit = wordBit(at);
    for (let k = this.length - 1; k >= 0; k--) {
      if (((this.touched[k] as number) & bit) === 0 || this.#written[k] === undefined) continue;
      if (this.#touches(k, at) && this.has(cut, k)) return this.#byteOf(k, this.#written[k], at);
    }
    return this.#firstByte(at);
  }

  /** The value of one byte of the element of a step before the step. */
  byteBefore(k: number, at: number): number | undefined {
    return this.#seen[k] === undefined ? undefined : this.#byteOf(k, this.#seen[k], at);
  }

  #firstByte(at: number): number | undefined {
    for (let k = 0; k < this.length; k++) {
      if (this.#seen[k] !== undefined && this.#touches(k, at)) return this.#byteOf(k, this.#seen[k], at);
    }
    return undefined;
  }

  #touches(k: number, at: number): boolean {
    const { point } = this.steps[k] as Step;
    return at >= point.at && at < point.at + point.size;
  }

  #byteOf(k: number, value: Value, at: number): number {
    return byteOf((this.steps[k] as Step).point, value, at);
  }

  #copy(from: Trace, k: number): void {
    const { threads } = this;
    this.able[k] = from.able[k] as number;
    this.starts[k] = from.starts[k] as number;
    this.#seen[k] = from.#seen[k];
    this.#written[k] = from.#written[k];
    for (let i = k * threads; i < (k + 1) * threads; i++) {
      this.known[i] = from.known[i] as number;
      this.past[i] = from.past[i] as number;
    }
    const step = from.steps[k] as Step;
    this.#add(k, from.thread[k] as number, step, from.touched[k] as number);
    if (step.point.op !== NOTIFY) return;
    for (let w = 0; w < threads; w++) {
      const count = this.count[w] as number;
      if (count > 0 && from.wokenBy[(this.at[w] as number[])[count - 1] as number] === k) this.#wake(w, k);
    }
  }

  #add(k: number, t: number, step: Step, touched: number): void {
    const { threads } = this;
    this.thread[k] = t;
    this.steps[k] = step;
    this.touched[k] = touched;
    this.wokenBy[k] = -1;
    if (step.point.op === LOCK || step.awaits !== undefined || fellAsleep(step)) this.stopping |= 1 << t;
    const count = this.count[t] as number;
    (this.at[t] as number[])[count] = k;
    this.count[t] = count + 1;
    this.own[k] = count + 1;
    for (let u = 0; u < threads; u++) this.now[t * threads + u] = this.past[k * threads + u] as number;
    this.length = k + 1;
  }

  /** Step k has woken thread `w`. */
  #wake(w: number, k: number): void {
    const { threads } = this;
    this.wokenBy[(this.at[w] as number[])[(this.count[w] as number) - 1] as number] = k;
    // guard: waker-known-to-woken
    raise(this.now, w * threads, this.past, k * threads, threads);
  }
}

/** The words that a step touches, or awaited a change of, as bits; every bit for a step that conflicts with all others. */
export function wordsOf({ point, effect, awaits }: Step): number {
  if ((effect & ALL) !== 0) return -1;
  let bits = wordBit(point.at) | wordBit(point.at + point.size - 1);
  if (awaits !== undefined) for (const { at, size } of awaits) bits |= wordBit(at) | wordBit(at + size - 1);
  return bits;
}

function wordBit(at: number): number {
  return 1 << ((at >> 2) & 31);
}

/** Whether a step is a wait that has fallen asleep. */
export function fellAsleep({ point, effect }: Step): boolean {
  return point.op === WAIT && (effect & QUEUE) !== 0 && point.b !== 0;
}

/** Adds another cut to a cut; the other stands in a row of cuts, from `from` on. */
export function join(cut: Cut, row: readonly number[], from = 0): void {
  raise(cut, 0, row, from, cut.length);
}

function raise(to: number[], at: number, from: readonly number[], start: number, threads: number): void {
  for (let t = 0; t < threads; t++) {
    const count = from[start + t] as number;
    if (count > (to[at + t] as number)) to[at + t] = count;
  }
}

const scratch = new DataView(new ArrayBuffer(8));

/** One byte of an element that holds `value`. */
function byteOf({ array, at: from, size }: Point, value: Value, at: number): number {
  if (typeof value === 'bigint') scratch.setBigInt64(0, BigInt.asIntN(64, value), true);
  else if (array instanceof Float64Array) scratch.setFloat64(0, value as number, true);
  else if (array instanceof Float32Array) scratch.setFloat32(0, value as number, true);
  else scratch.setInt32(0, Number(value) | 0, true);
  return at - from < size ? scratch.getUint8(at - from) : 0;
}
