import { IrqError, isIrqError } from '../errors/irq-error.ts';
import { type Alone, OTHER } from './alone.ts';
import { accepts, convert, isConverted, outside, toPoint } from './call.ts';
import type { Controller } from './controlled-atomics.ts';
import type { Source } from './environment.ts';
import { LookAhead, UNKNOWN } from './look-ahead.ts';
import {
  type ElementArray,
  ENDED,
  FAILED,
  LOAD,
  NOTIFY,
  PLAIN_LOAD,
  Point,
  type Value,
  WAIT,
} from './operation.ts';
import type { CheckedScenario } from './scenario.ts';
import type { SharedMemory } from './shared-memory.ts';
import { framesAbove } from './sites.ts';
import { sameOperation } from './spin.ts';

/**
 * What is thrown through a thread's code to stop it. No Error, so that nothing is captured for it, and frozen, so that
 * code that catches it cannot write on it.
 */
const STOP: object = Object.freeze({ irqloom: 'this thread is suspended; let it through' });

const NOWHERE = new Int32Array(0);
/** The end of a thread. */
export const END = new Point(ENDED, NOWHERE, 0, undefined, undefined, -1);

const NO_POINTS: readonly Point[] = [];
const NO_ANSWERS: readonly Value[] = [];
/**
 * Every operation and every look at a clock takes this long on the clock that a thread reads, so that loops over time
 * end. Timeouts count without the operations: a thread may take any time for those.
 */
export const TICK_NS = 1000;

/**
 * Runs the code of one thread from its start, answering its first operations from a log, up to the operation that the
 * log does not answer; there the code is left by an exception. While that unwinds, whatever operation the code's own
 * `catch` and `finally` blocks try is refused with the same exception, and has no effect.
 */
export class ThreadRunner implements Controller, Source {
  readonly #scenario: CheckedScenario;
  readonly #state: unknown;
  readonly #memory: SharedMemory;
  readonly #seed: number;
  #running = -1;
  #path: readonly Point[] = NO_POINTS;
  #answers: readonly Value[] = NO_ANSWERS;
  #pos = 0;
  #end = 0;
  /** Up to here `request` may answer without a closer look. */
  #fastEnd = 0;
  #unwinding = false;
  #asked: Point = END;
  #fault: IrqError | undefined;
  #past: readonly Uint8Array[] | undefined;
  #alone: Alone | undefined;
  /** What the thread that {@link explore} ran would do after its next operation. */
  readonly ahead = new LookAhead();
  #looksAhead = false;
  #sites: string[][] | undefined;
  #sitesFrom = 0;
  #lastArray: ElementArray | undefined;
  #lastBase = -1;
  #clockNs = 0;
  #chance = 0;
  /** Where in the log the code asked for another operation than it did before; -1 where it did not. */
  mismatchAt = -1;
  /** It was the same operation, a wait, with its timeout at another time. */
  mismatchInTime = false;
  /** Which wait is over first matters: times are a part of what threads do. */
  timesMatter = true;
  /** By thread and operation: how far its clock goes on when the operation is answered, for all who waited meanwhile, ns. */
  readonly jumps: readonly Map<number, number>[];
  #jumped: ReadonlyMap<number, number> = new Map();

  constructor(scenario: CheckedScenario, state: unknown, memory: SharedMemory, seed: number) {
    this.#scenario = scenario;
    this.#state = state;
    this.#memory = memory;
    this.#seed = seed;
    this.jumps = scenario.bodies.map(() => new Map());
  }

  /** The thread whose code is running now, -1 for none. */
  get running(): number {
    return this.#running;
  }

  /** Operations of the running thread that have been answered. */
  get answered(): number {
    return this.#pos;
  }

  /** The running thread is being stopped. */
  get unwinding(): boolean {
    return this.#unwinding;
  }

  /** The thread that was running has been cut off from outside, and will not come back. */
  abandon(): void {
    this.#running = -1;
    this.#fastEnd = 0;
    this.#unwinding = false;
    this.#looksAhead = false;
  }

  /**
   * Runs thread `t`; its first `count` operations have these answers.
   * @param past - where the code also uses shared memory without Atomics: the memory as it was when each of the
   * operations was answered, so that it reads again what it read, and writes again only what is written already.
   * @returns what it wants to do next. Where `mismatchAt` is not -1: the operation it asked for there.
   */
  resume(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    past?: readonly Uint8Array[],
  ): Point {
    this.#path = path;
    this.#answers = answers;
    this.#end = count;
    this.#fastEnd =
      past !== undefined
        ? 0
        : Math.min(this.#sites !== undefined ? this.#sitesFrom : count, count, this.#firstJump(t));
    this.#past = past;
    if (past !== undefined && count > 0) {
      this.#memory.keep();
      this.#memory.restore();
    }
    return this.#run(t);
  }

  /**
   * As {@link resume}, and lets the code go on for up to `most` operations more, done on the memory as it is; they stand
   * behind the log, and `ahead` says how many.
   */
  explore(
    t: number,
    path: Point[],
    answers: Value[],
    count: number,
    most: number,
    someSleep: boolean,
  ): Point {
    this.ahead.begin(path, answers, count, most, someSleep);
    this.#looksAhead = true;
    this.#memory.keep();
    try {
      const last = this.resume(t, path, answers, count);
      if (this.mismatchAt >= 0) {
        this.ahead.count = 0;
        return last;
      }
      if (last.op >= ENDED) this.ahead.end(last);
      return path[count] as Point;
    } finally {
      this.#looksAhead = false;
      this.#memory.putBack();
    }
  }

  /**
   * Runs thread `t` along its log, and then on as if all others stood still: its looks are answered by `alone`, for as
   * long as that has answers.
   * @returns false where the thread did not do what its log says.
   */
  goAlone(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    alone: Alone,
  ): boolean {
    this.#path = path;
    this.#answers = answers;
    this.#end = count;
    this.#fastEnd = Math.min(count, this.#firstJump(t));
    this.#past = undefined;
    this.#alone = alone;
    this.#memory.keep();
    try {
      this.#run(t);
    } finally {
      this.#alone = undefined;
      this.#memory.putBack();
    }
    return this.mismatchAt < 0;
  }

  /**
   * Runs thread `t` along its log once more, noting where each of its operations from number `from` on, and the next, is
   * called from.
   */
  sites(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    from: number,
  ): readonly (readonly string[])[] {
    const sites: string[][] = [];
    this.#sites = sites;
    this.#sitesFrom = from;
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 40;
    const now = this.#memory.save();
    try {
      this.resume(t, path, answers, count);
    } finally {
      Error.stackTraceLimit = limit;
      this.#sites = undefined;
      this.#memory.load(now);
    }
    return sites;
  }

  /** Runs `body` (setup, finally) with clock and chance controlled, outside all threads. */
  runAside<T>(body: () => T): T {
    this.#clockNs = 0;
    this.#chance = mix(this.#seed, 0x5e7);
    this.#running = -2;
    try {
      return body();
    } finally {
      this.#running = -1;
    }
  }

  #run(t: number): Point {
    this.#pos = 0;
    this.#unwinding = false;
    this.mismatchAt = -1;
    this.mismatchInTime = false;
    this.#clockNs = 0;
    this.#chance = mix(this.#seed, t);
    this.#running = t;
    this.#jumped = this.jumps[t] as ReadonlyMap<number, number>;
    let thrown: unknown;
    let threw = false;
    try {
      (this.#scenario.bodies[t] as (state: unknown) => void)(this.#state);
    } catch (error) {
      threw = true;
      thrown = error;
    }
    this.#running = -1;
    this.#fastEnd = 0;
    if (this.#fault !== undefined) throw this.#takeFault();
    if (this.#unwinding) {
      this.#unwinding = false;
      // What its finally blocks wrote without Atomics while it was being stopped has not happened.
      if (this.#past !== undefined) this.#memory.putBack();
      return this.#asked;
    }
    if (threw && isIrqError(thrown, 'ERR_SCENARIO')) throw thrown;
    const last = threw ? new Point(FAILED, NOWHERE, 0, undefined, undefined, -1, Infinity, thrown) : END;
    if (this.#pos < this.#end) {
      this.mismatchAt = this.#pos;
      if (this.#past !== undefined) this.#memory.putBack();
    }
    return last;
  }

  request(op: number, array: ElementArray, index: number, a: unknown, b: unknown): Value {
    const pos = this.#pos;
    if (pos < this.#fastEnd) {
      const point = this.#path[pos] as Point;
      if (
        point.array === array &&
        point.index === index &&
        point.op === op &&
        point.a === a &&
        point.b === b
      ) {
        this.#pos = pos + 1;
        if (op === WAIT) return this.#waited(point, this.#answers[pos], pos);
        return this.#answers[pos];
      }
    }
    if (this.#alone !== undefined && pos >= this.#end && !this.#unwinding) {
      const answer = this.#alone.repeat(op, array, index, a, b);
      if (answer !== OTHER) {
        this.#pos = pos + 1;
        return answer;
      }
    }
    return this.#requestSlowly(op, array, index, a, b);
  }

  controls(view: ArrayBufferView): boolean {
    return this.#running !== -1 && this.#memory.locate(view) >= 0;
  }

  refuse(what: string): never {
    const error = new IrqError(
      'ERR_UNSUPPORTED',
      `${what} cannot be controlled: its answer comes to the event loop, and threads here run to their end without one. Use Atomics.wait, or a loop over Atomics.load`,
    );
    if (this.#running < 0) throw error;
    this.#fault = error;
    return this.#stop(END);
  }

  nowNs(): number | undefined {
    if (this.#running === -1) return undefined;
    this.#clockNs += TICK_NS;
    return this.#clockNs + this.#pos * TICK_NS;
  }

  bits(): number | undefined {
    if (this.#running === -1) return undefined;
    this.#chance = (this.#chance + 0x9e3779b9) | 0;
    return mix(this.#chance, 0);
  }

  #requestSlowly(op: number, array: ElementArray, index: number, a: unknown, b: unknown): Value {
    const base = array === this.#lastArray ? this.#lastBase : this.#locate(array);
    if (this.#unwinding && (base >= 0 || op < PLAIN_LOAD)) throw STOP;
    if (this.#running < 0 || base < 0) return outside(op, array, index, a, b);
    const pos = this.#pos;
    if (pos < this.#fastEnd) {
      // The same words through another view: code that makes its views anew in each run.
      const known = this.#path[pos] as Point;
      if (
        known.op === op &&
        known.a === a &&
        known.b === b &&
        known.at === base + index * array.BYTES_PER_ELEMENT &&
        known.array.constructor === array.constructor &&
        index < array.length
      ) {
        this.#pos = pos + 1;
        return op === WAIT ? this.#waited(known, this.#answers[pos], pos) : this.#answers[pos];
      }
    }
    if (!accepts(op, array)) return outside(op, array, index, a, b);
    if (!isConverted(op, array, index, a, b)) {
      // The conversion runs the operands' own code, which may call Atomics itself.
      const call = convert(op, array, index, a, b);
      return call === undefined ? undefined : this.request(op, array, call.index, call.a, call.b);
    }
    const point = toPoint(op, array, index, a, b, base, this.#clockNs);
    point.clockNs = this.#clockNs;
    if (op !== LOAD && op !== PLAIN_LOAD && op !== WAIT && op !== NOTIFY)
      this.#memory.touch(point.at, point.size);
    if (this.#sites !== undefined && pos >= this.#sitesFrom)
      this.#sites[pos] = framesAbove(ThreadRunner.prototype.request);
    if (pos < this.#end) {
      if (!sameOperation(this.#path[pos] as Point, point)) {
        this.mismatchAt = pos;
        return this.#stop(point);
      }
      this.#pos = pos + 1;
      this.#travel(pos);
      const answer =
        op === WAIT ? this.#waited(this.#path[pos] as Point, this.#answers[pos], pos) : this.#answers[pos];
      if (this.#jumped.size > 0) this.#clockNs += this.#jumped.get(pos) ?? 0;
      return answer;
    }
    if (this.#alone !== undefined) {
      const answer = this.#alone.answer(point);
      if (answer === OTHER) return this.#stop(point);
      this.#pos = pos + 1;
      return answer;
    }
    if (this.#looksAhead) {
      const answer = this.ahead.answer(point);
      if (answer !== UNKNOWN) {
        this.#pos = pos + 1;
        return answer;
      }
    }
    return this.#stop(point);
  }

  #locate(array: ElementArray): number {
    const base = ArrayBuffer.isView(array) ? this.#memory.locate(array) : -1;
    this.#lastArray = array;
    this.#lastBase = base;
    return base;
  }

  #stop(point: Point): never {
    this.#asked = point;
    this.#unwinding = true;
    if (this.#past !== undefined && this.mismatchAt < 0) this.#memory.keep();
    throw STOP;
  }

  /** Operation number `pos` has been answered: makes the memory what it was then; for the last one, what it is. */
  #travel(pos: number): void {
    if (this.#past === undefined) return;
    const then = this.#past[pos];
    if (pos === this.#end - 1 || then === undefined) this.#memory.putBack();
    else this.#memory.load(then);
  }

  #waited(point: Point, answer: Value, pos: number): Value {
    if (typeof point.b === 'number') {
      if (this.timesMatter && point.deadline !== this.#clockNs + point.b * 1e6) {
        // The same wait, but it ends at another time than after the history it was remembered from.
        this.mismatchAt = pos;
        this.mismatchInTime = true;
        return this.#stop(point);
      }
      // Where times matter, this is one of the jumps.
      if (answer === 'timed-out' && !this.timesMatter) this.#clockNs += point.b * 1e6;
    }
    return answer;
  }

  /** The first operation of the thread whose answer its clock does not wait for: up to it, answers are all there is. */
  #firstJump(t: number): number {
    let first = Infinity;
    for (const pos of (this.jumps[t] as Map<number, number>).keys()) first = Math.min(first, pos);
    return first;
  }

  #takeFault(): IrqError {
    const fault = this.#fault as IrqError;
    this.#fault = undefined;
    this.#unwinding = false;
    return fault;
  }
}

/** Mixes two 32-bit words into one; a fixed permutation for each second word. */
export function mix(a: number, b: number): number {
  let h = (a ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}
