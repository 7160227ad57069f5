import { isIrqError } from '../../base/irq-error.ts';
import { accepts, convert, isConverted, outside, toPoint } from '../control/call.ts';
import type { Controller } from '../control/controlled-atomics.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { Ownership } from '../memory/ownership.ts';
import type { SharedMemory } from '../memory/shared-memory.ts';
import { type Capture, framesAbove, type Sites } from '../telling/sites.ts';
import { type Alone, OTHER } from './alone.ts';
import type { HandedState } from './handed-state.ts';
import { LocatedView } from './located-view.ts';
import { LookAhead, UNKNOWN } from './look-ahead.ts';
import {
  type ElementArray,
  ENDED,
  LOAD,
  PLAIN_LOAD,
  PLAIN_STORE,
  type Point,
  type Value,
  WAIT,
} from './operation.ts';
import { OwnReads } from './own-reads.ts';
import { Restart } from './restart.ts';
import { sameOperation } from './spin.ts';
import { END, failedWith } from './thread-end.ts';
import { ThreadTime } from './thread-time.ts';
import { STOP, swallowsStop, Unwinding, uncontrolled } from './unwinding.ts';
import { bounded, ENDLESS, isUntimed } from './watchdog.ts';

/**
 * Runs the code of one thread from its start. A log answers its first operations; at the first operation without an
 * answer, an exception leaves the code. While that unwinds, operations in the code's own `catch` and `finally` blocks
 * are refused with the same exception, and have no effect.
 */
export class ThreadRunner extends ThreadTime implements Controller {
  readonly #scenario: CheckedScenario;
  readonly handed: HandedState;
  readonly #memory: SharedMemory;
  readonly #ownership: Ownership;
  #path: readonly Point[] = [];
  #answers: readonly Value[] = [];
  #end = 0;
  /** Up to this operation, `request` may answer on the fast path. */
  #fastEnd = 0;
  readonly #unwinding = new Unwinding();
  #asked: Point = END;
  #past: readonly number[] | undefined;
  #alone: Alone | undefined;
  readonly #ownReads = new OwnReads();
  /** The predicted operations of the thread that {@link explore} ran. */
  readonly ahead: LookAhead;
  #looksAhead = false;
  #sites: Sites<unknown> | undefined;
  readonly #view: LocatedView;
  /** The first operation of the log that differs from the code's; -1 if all agree. */
  mismatchAt = -1;
  /** Whether the mismatch is a wait at another time. */
  mismatchInTime = false;
  /** Whether some plain access is a point. */
  sawPlain = false;
  #jumped: ReadonlyMap<number, number> = new Map();
  readonly #runAgain = (t: number): Point => this.#run(t);

  constructor(
    scenario: CheckedScenario,
    handed: HandedState,
    memory: SharedMemory,
    seed: number,
    ownership = new Ownership(),
  ) {
    super(scenario.bodies.length, seed);
    this.#scenario = scenario;
    this.handed = handed;
    this.#memory = memory;
    this.#ownership = ownership;
    this.#view = new LocatedView(memory);
    this.ahead = new LookAhead(memory);
  }

  /** The running thread and its position; undefined if none runs. */
  get place(): string | undefined {
    if (this.#unwinding.isEndless) return ENDLESS;
    return this.current === -1 ? undefined : `${this.current} ${this.answered}`;
  }

  /**
   * Ends the running thread after a cut-off from outside.
   * @throws IrqError `ERR_UNSUPPORTED` if the thread refused to stop.
   */
  abandon(): void {
    this.current = -1;
    this.#fastEnd = 0;
    this.#looksAhead = false;
    this.#unwinding.abandon();
  }

  /**
   * Runs thread `t`; the log answers its first `count` operations.
   * @param past - for code that also uses shared memory unseen: the memory's time at each answer. The code then reads
   * the same values again, and writes again only values that are written already.
   * @param began - the memory's time at the thread's beginning.
   * @returns its next operation; if `mismatchAt` is not -1, its operation there.
   */
  resume(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    past?: readonly number[],
    began = 0,
  ): Point {
    this.#path = path;
    this.#answers = answers;
    this.#end = count;
    const most = Math.min(this.#sites?.from ?? count, count);
    this.#fastEnd = past !== undefined ? 0 : this.untilJump(t, most);
    this.#past = past;
    if (past !== undefined && count > 0) this.#memory.travel(began);
    return this.#run(t);
  }

  /**
   * As {@link resume}, but lets the code go on for up to `most` more operations, done on the present memory.
   * The operations follow the log, and `ahead` has their number.
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
   * Runs thread `t` along its log, and then on as if all other threads stood still: `alone` answers the
   * thread's looks as long as possible.
   * @returns false if the thread did not follow its log.
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
    this.#fastEnd = this.untilJump(t, count);
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
   * Runs thread `t` along its log once more, and records the caller of each operation from number `from` on,
   * and of the next one, in the form that `capture` returns.
   */
  sites<T>(
    t: number,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
    from: number,
    capture: Capture<T>,
  ): readonly T[] {
    const all: T[] = [];
    this.#sites = { from, capture, all };
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 40;
    this.#memory.keep();
    try {
      this.resume(t, path, answers, count);
    } finally {
      Error.stackTraceLimit = limit;
      this.#sites = undefined;
      this.#memory.putBack();
    }
    return all;
  }

  #run(t: number): Point {
    if (isUntimed()) return bounded(this.#runAgain, t);
    this.begin(t);
    this.#ownReads.count = 0;
    this.#unwinding.on = false;
    this.mismatchAt = -1;
    this.mismatchInTime = false;
    this.#memory.beginRun(t);
    this.#jumped = this.jumps[t] as ReadonlyMap<number, number>;
    let thrown: unknown;
    let threw = false;
    try {
      (this.#scenario.bodies[t] as (state: unknown) => void)(this.handed.copy());
    } catch (error) {
      threw = true;
      thrown = error;
    }
    this.current = -1;
    this.#fastEnd = 0;
    this.#unwinding.throwFault();
    if (this.#ownership.conflict) throw new Restart();
    if (this.#unwinding.on) {
      this.#unwinding.on = false;
      // Plain writes of its `finally` blocks during the stop have not happened.
      if (this.#past !== undefined) this.#memory.putBack();
      return this.#asked;
    }
    if (threw && isIrqError(thrown, 'ERR_SCENARIO')) throw thrown;
    const last = threw ? failedWith(thrown) : END;
    if (this.pos < this.#end) {
      this.mismatchAt = this.pos;
      if (this.#past !== undefined) this.#memory.putBack();
    } else if (this.#past !== undefined) this.#memory.absorb();
    return last;
  }

  request(op: number, array: ElementArray, index: number, a: unknown, b: unknown): Value {
    const pos = this.pos;
    if (pos < this.#fastEnd) {
      const point = this.#path[pos] as Point;
      if (
        point.handle === array &&
        point.index === index &&
        point.op === op &&
        point.a === a &&
        point.b === b
      ) {
        this.pos = pos + 1;
        if (op === WAIT) return this.#waited(point, this.#answers[pos], pos);
        return this.#answers[pos];
      }
    }
    if (this.#alone !== undefined && pos >= this.#end && !this.#unwinding.on) {
      const answer = this.#alone.repeat(op, array, index, a, b);
      if (answer !== OTHER) {
        this.pos = pos + 1;
        return answer;
      }
    }
    return this.#requestSlowly(op, array, index, a, b);
  }

  controls(view: ArrayBufferView): boolean {
    return this.current !== -1 && this.#memory.find(view) >= 0;
  }

  handOut<V extends ArrayBufferView>(view: V): V {
    return this.current >= 0 && this.controls(view) ? this.handed.standIn(view) : view;
  }

  made(buffer: SharedArrayBuffer): void {
    if (this.current !== -1) this.#memory.keepPrivate(buffer);
  }

  refuse(what: string, why: string): never {
    const error = uncontrolled(what, why, framesAbove(ThreadRunner.prototype.refuse));
    if (this.current < 0) throw error;
    this.#unwinding.fault = error;
    return this.#stop(END);
  }

  #requestSlowly(op: number, handle: ElementArray, index: number, a: unknown, b: unknown): Value {
    const view = this.#view;
    const base = view.locate(handle);
    const { array } = view;
    if (this.#unwinding.on && (base >= 0 || op < PLAIN_LOAD)) {
      if (this.#unwinding.refuse()) throw STOP;
      this.#unwinding.fault ??= swallowsStop(
        this.#scenario,
        this.current,
        framesAbove(ThreadRunner.prototype.request),
      );
      return this.#unwinding.answer(op, array, index, a, b);
    }
    if (this.current < 0 || base < 0) {
      // `finally` may write, too.
      if (base >= 0 && op !== LOAD && op !== PLAIN_LOAD)
        this.#memory.willWrite(base + index * array.BYTES_PER_ELEMENT, array.BYTES_PER_ELEMENT);
      return outside(op, array, index, a, b);
    }
    const pos = this.pos;
    if (pos < this.#fastEnd) {
      // The same words through another view: the code makes its views anew in each run.
      const known = this.#path[pos] as Point;
      if (known.op === op && known.a === a && known.b === b && view.isAt(known, index)) {
        this.pos = pos + 1;
        return op === WAIT ? this.#waited(known, this.#answers[pos], pos) : this.#answers[pos];
      }
    }
    if (!accepts(op, array)) return outside(op, array, index, a, b);
    if (!isConverted(op, array, index, a, b)) {
      // The conversion runs the operands' own code, which may call Atomics itself.
      const call = convert(op, array, index, a, b);
      return call === undefined ? undefined : this.request(op, handle, call.index, call.a, call.b);
    }
    if (op >= PLAIN_LOAD) {
      const at = base + index * array.BYTES_PER_ELEMENT;
      if (this.#ownership.claim(at, array.BYTES_PER_ELEMENT, this.current)) {
        if (op === PLAIN_STORE) {
          this.#ownReads.count = 0;
          this.#memory.writeOwn(this.current, array, index, at, a as number);
        } else if (this.#ownReads.isWait(pos)) {
          // No other thread has touched these bytes yet; this thread may be waiting for that.
          this.#ownership.share(at, array.BYTES_PER_ELEMENT);
          this.#unwinding.fault = new Restart();
          return this.#stop(END);
        }
        return array[index];
      }
    }
    const point = toPoint(op, array, index, a, b, base, this.clockNs);
    if (op < PLAIN_LOAD) this.#ownership.share(point.at, point.size);
    else this.sawPlain = true;
    if (point.writes) this.#memory.touch(point.at, point.size);
    point.handle = handle;
    point.clockNs = this.clockNs;
    if (this.#sites !== undefined && pos >= this.#sites.from)
      this.#sites.all[pos] = this.#sites.capture(ThreadRunner.prototype.request);
    if (pos < this.#end) {
      if (!sameOperation(this.#path[pos] as Point, point)) {
        this.mismatchAt = pos;
        return this.#stop(point);
      }
      this.pos = pos + 1;
      this.#travel(pos);
      const answer =
        op === WAIT ? this.#waited(this.#path[pos] as Point, this.#answers[pos], pos) : this.#answers[pos];
      if (this.#jumped.size > 0) this.clockNs += this.#jumped.get(pos) ?? 0;
      return answer;
    }
    if (this.#alone !== undefined) {
      const answer = this.#alone.answer(point);
      if (answer === OTHER) return this.#stop(point);
      this.pos = pos + 1;
      return answer;
    }
    if (this.#looksAhead) {
      const answer = this.ahead.answer(point);
      if (answer !== UNKNOWN) {
        this.pos = pos + 1;
        return answer;
      }
    }
    return this.#stop(point);
  }

  #stop(point: Point): never {
    this.#asked = point;
    this.#unwinding.begin();
    if (this.#past !== undefined && this.mismatchAt < 0) this.#memory.absorb();
    throw STOP;
  }

  /** Operation number `pos` was answered: restores the memory of that time, or for the last one, the present memory. */
  #travel(pos: number): void {
    if (this.#past === undefined) return;
    const then = this.#past[pos];
    this.#memory.travel(pos === this.#end - 1 || then === undefined ? this.#memory.position : then);
  }

  #waited(point: Point, answer: Value, pos: number): Value {
    if (typeof point.b === 'number') {
      if (this.timesMatter && point.deadline !== this.clockNs + point.b * 1e6) {
        // The same wait, but with another end than in the remembered history.
        this.mismatchAt = pos;
        this.mismatchInTime = true;
        return this.#stop(point);
      }
      // If times matter, the timeout is one of the jumps.
      if (answer === 'timed-out' && !this.timesMatter) this.clockNs += point.b * 1e6;
    }
    return answer;
  }
}
