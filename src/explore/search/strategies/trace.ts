import { effectOf, valueAt } from '../../running/execute.ts';
import { ENDED, type Point, QUEUE, type Value, WAIT, WRITE } from '../../running/operation.ts';
import { ordered, type Step } from '../dependence.ts';
import type { RunView } from './strategy.ts';

/**
 * A set of steps of a trace that holds with each step all that happen before it: by thread, how many of its first steps
 * are in the set.
 */
export type Cut = number[];

/**
 * The steps of one schedule with their happens-before: the order of each thread, the order of conflicting steps, and a
 * notify before all that the threads it woke do next. Schedules of one class have the same steps with the same order.
 *
 * Steps are known by their position in the schedule. All arrays are by position, but for those of the end.
 */
export class Trace {
  readonly threads: number;
  readonly late: boolean;
  length = 0;
  readonly thread: number[] = [];
  readonly steps: Step[] = [];
  /** The number of the step among its thread's own, from 1. */
  readonly own: number[] = [];
  /** The steps that happen before this one, and itself. */
  readonly past: Cut[] = [];
  /** Of those, all that its thread knew before it did this step: without the steps that it conflicts with. */
  readonly known: Cut[] = [];
  /** The threads that could go on before the step, as bits. */
  readonly able: number[] = [];
  /** Where the block begins that the step ends; -1 for a step within a block. See revisits.ts. */
  readonly starts: number[] = [];
  /** Of a wait that fell asleep: the position of the notify that woke it; -1 where none has. */
  readonly wokenBy: number[] = [];
  /** The value of the step's element before the step, and after where it was written; undefined for the end of a sleep. */
  readonly #seen: Value[] = [];
  readonly #written: Value[] = [];
  /** By thread: the positions of its steps. */
  readonly at: number[][];
  /** By thread, at the end: what it would have done next; undefined where it has ended or sleeps. */
  readonly left: (Step | undefined)[] = [];
  /** By thread, at the end: all that it knows. */
  readonly now: Cut[];
  /** Sleepers could go on as their time was up, while others could too. */
  timesOut = false;

  /** Begins a trace as the first `length` steps of another. */
  constructor(threads: number, late: boolean, from?: Trace, length = 0) {
    this.threads = threads;
    this.late = late;
    this.at = Array.from({ length: threads }, () => []);
    this.now = Array.from({ length: threads }, () => new Array<number>(threads).fill(0));
    if (from === undefined) return;
    this.timesOut = from.timesOut;
    for (let k = 0; k < length; k++) this.#copy(from, k);
  }

  /** The steps before a position, as a cut. */
  cutAt(position: number): Cut {
    const cut = new Array<number>(this.threads).fill(0);
    for (let k = 0; k < position; k++) cut[this.thread[k] as number] = this.own[k] as number;
    return cut;
  }

  has(cut: Cut, k: number): boolean {
    return (cut[this.thread[k] as number] as number) >= (this.own[k] as number);
  }

  /** Notes what thread `t` is about to do. */
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
    for (let k = this.length; k < run.steps; k++) {
      const t = run.stepThread[k] as number;
      const point = run.stepPoint[k] as Point;
      const step = { point, effect: run.stepEffect[k] as number, awaits: run.stepAwaits[k] };
      const known = (this.now[t] as Cut).slice();
      const past = known.slice();
      for (let j = k - 1; j >= 0; j--) {
        if (this.has(past, j) || !ordered(this.steps[j] as Step, step)) continue;
        join(past, this.past[j] as Cut);
      }
      past[t] = (this.at[t] as number[]).length + 1;
      this.#written[k] = (step.effect & WRITE) === 0 ? undefined : valueAt(point);
      this.#add(k, t, step, known, past);
      for (let woke = run.stepWoke[k] as number; woke !== 0; woke &= woke - 1) {
        const w = 31 - Math.clz32(woke & -woke);
        this.wokenBy[(this.at[w] as number[]).at(-1) as number] = k;
        // guard: waker-known-to-woken
        join(this.now[w] as Cut, past);
      }
    }
  }

  /** Notes how the schedule has ended. */
  end(run: RunView): void {
    for (let t = 0; t < this.threads; t++) {
      const point = run.pending[t] as Point;
      const isLeft = point.op < ENDED && (run.waiting & (1 << t)) === 0;
      this.left[t] = isLeft
        ? { point, effect: effectOf(point, undefined), awaits: run.loopAt(t) }
        : undefined;
    }
  }

  /** Whether thread `t` sleeps after the steps of a cut. */
  sleeps(t: number, cut: Cut): boolean {
    const last = (this.at[t] as number[])[(cut[t] as number) - 1];
    if (last === undefined) return false;
    if (!fellAsleep(this.steps[last] as Step)) return false;
    const waker = this.wokenBy[last] as number;
    return waker < 0 || !this.has(cut, waker);
  }

  /** The value of one byte after the steps of a cut; undefined where no step of the trace touches the byte. */
  byteAt(cut: Cut, at: number): number | undefined {
    for (let k = this.length - 1; k >= 0; k--) {
      if (this.#written[k] !== undefined && this.#touches(k, at) && this.has(cut, k))
        return this.#byteOf(k, this.#written[k], at);
    }
    return this.#firstByte(at);
  }

  /** The value of one byte before the step at a position. */
  byteBefore(position: number, at: number): number | undefined {
    for (let k = position - 1; k >= 0; k--) {
      if (this.#written[k] !== undefined && this.#touches(k, at))
        return this.#byteOf(k, this.#written[k], at);
    }
    return this.#firstByte(at);
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
    const t = from.thread[k] as number;
    this.able[k] = from.able[k] as number;
    this.starts[k] = from.starts[k] as number;
    this.#seen[k] = from.#seen[k];
    this.#written[k] = from.#written[k];
    this.#add(k, t, from.steps[k] as Step, from.known[k] as Cut, from.past[k] as Cut);
    for (let w = 0; w < this.threads; w++) {
      const asleep = (this.at[w] as number[]).at(-1);
      if (asleep === undefined || from.wokenBy[asleep] !== k) continue;
      this.wokenBy[asleep] = k;
      join(this.now[w] as Cut, from.past[k] as Cut);
    }
  }

  #add(k: number, t: number, step: Step, known: Cut, past: Cut): void {
    this.thread[k] = t;
    this.steps[k] = step;
    this.known[k] = known;
    this.past[k] = past;
    this.own[k] = past[t] as number;
    this.wokenBy[k] = -1;
    (this.at[t] as number[]).push(k);
    this.now[t] = past.slice();
    this.length = k + 1;
  }
}

/** Whether a step is a wait that has fallen asleep. */
export function fellAsleep({ point, effect }: Step): boolean {
  return point.op === WAIT && (effect & QUEUE) !== 0 && point.b !== 0;
}

/** Adds another cut to a cut. */
export function join(cut: Cut, other: Cut): Cut {
  for (let t = 0; t < cut.length; t++)
    if ((other[t] as number) > (cut[t] as number)) cut[t] = other[t] as number;
  return cut;
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
