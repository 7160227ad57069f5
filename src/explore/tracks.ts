import { casTook } from './execute.ts';
import {
  AND,
  CAS,
  ENDED,
  EXCHANGE,
  LOAD,
  LOCK,
  OR,
  type Point,
  STORE,
  UNLOCK,
  type Value,
  WAIT,
} from './operation.ts';
import type { SharedMemory } from './shared-memory.ts';
import { END, sameOperation, type ThreadRunner } from './thread-runner.ts';

/** A thread did another thing when it was run again with the same answers. */
export type Nondeterminism = {
  readonly kind: 'nondeterminism';
  readonly thread: number;
  readonly step: number;
  readonly expected: Point;
  readonly saw: Point;
};

/** How many points are kept before they are forgotten and learnt again; it bounds the memory. */
const MOST_POINTS = 100_000;
/** How often points may be found wrong before histories are kept apart. */
const MOST_WRONG = 200;
/** Up to this size the memory of each step is kept in direct mode; beyond, plain reads see later writes. */
const MOST_PAST = 1 << 16;
/** Loops of at most that many operations are recognised as waiting. */
const LONGEST_SPIN = 8;
/** A loop is believed to wait after asking for the same this often. */
const SPIN_ROUNDS = 64;
/** Operations that may change nothing. */
const MAY_SPIN = new Set([LOAD, CAS, EXCHANGE, OR, AND]);

/**
 * What each thread has done in this schedule, and what is known of how it goes on. Where a thread goes on from a point
 * is learnt by running its code once, and remembered; at the end of a schedule each thread's code is run with the
 * answers it got, which checks all that was remembered. In direct mode nothing is taken from memory: the code runs at
 * each step, which is exact for code that uses shared memory without Atomics too, and slow.
 */
export class Tracks {
  /** By thread: the points of its operations in this schedule, their answers, and how many they are. */
  readonly paths: Point[][];
  readonly answers: Value[][];
  readonly done: Int32Array;
  direct = false;
  /** This schedule rests on a wrong guess: give it up and repeat it. */
  again = false;
  nondeterminism: Nondeterminism | undefined;
  /** Threads were found to use shared words without Atomics; where they write, one such word. */
  plain = false;
  plainWriteAt = -1;
  readonly #memory: SharedMemory;
  readonly #runner: ThreadRunner;
  readonly #roots: Point[] = [];
  /** In direct mode, by thread and operation: the memory when it was answered. */
  readonly #past: Uint8Array[][];
  readonly #keepsPast: boolean;
  /** By thread: points by their operation and its number, to be shared by all histories; nothing once that was wrong. */
  readonly #alike: (Map<string, Point> | undefined)[];
  readonly #wrong: Int32Array;
  readonly #garbled = new Set<number>();
  #verified = 0;
  #points = 0;

  constructor(threads: number, memory: SharedMemory, runner: ThreadRunner) {
    this.paths = Array.from({ length: threads }, () => []);
    this.answers = Array.from({ length: threads }, () => []);
    this.done = new Int32Array(threads);
    this.#past = Array.from({ length: threads }, () => []);
    this.#alike = Array.from({ length: threads }, () => new Map());
    this.#wrong = new Int32Array(threads);
    this.#memory = memory;
    this.#runner = runner;
    this.#keepsPast = memory.size <= MOST_PAST;
  }

  /** Begins a schedule. */
  begin(): void {
    this.done.fill(0);
    this.again = false;
    this.nondeterminism = undefined;
    if (this.#points > MOST_POINTS) {
      this.#forget();
    }
  }

  /** In direct mode: the memory as it was when each of a thread's operations was answered. */
  pastOf(t: number): readonly Uint8Array[] | undefined {
    return this.direct ? this.#past[t] : undefined;
  }

  /** Where thread `t` stands before its first operation. */
  root(t: number): Point {
    if (this.direct) return this.#discover(t);
    const known = this.#roots[t];
    if (known !== undefined) return known;
    const root = this.#discover(t);
    this.#roots[t] = root;
    return root;
  }

  /** Thread `t` has done an operation. */
  add(t: number, point: Point, answer: Value): void {
    const done = this.done[t] as number;
    (this.paths[t] as Point[])[done] = point;
    (this.answers[t] as Value[])[done] = answer;
    this.done[t] = done + 1;
  }

  /** The operation that thread `t` did last, a wait, has its answer now. */
  amend(t: number, answer: Value): void {
    (this.answers[t] as Value[])[(this.done[t] as number) - 1] = answer;
  }

  /** Where thread `t` has come to after its last operation, which was at `point` and got `answer`. */
  next(t: number, point: Point, answer: Value): Point {
    if (this.direct) {
      if (this.#keepsPast)
        (this.#past[t] as Uint8Array[])[(this.done[t] as number) - 1] = this.#memory.save();
      return this.#discover(t);
    }
    const known = point.sensitive ? point.branches?.get(answer) : point.next;
    if (known !== undefined) return known;
    const next = this.#discover(t);
    if (point.sensitive) point.branches?.set(answer, next);
    else point.next = next;
    return next;
  }

  /** Whether thread `t` in a loop of `period` operations would stay in it for that many rounds more. */
  spins(t: number, period: number, rounds: number): boolean {
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    return this.#runner.spins(t, path, answers, this.done[t] as number, period, rounds);
  }

  /**
   * Runs every thread's code once with the answers of this schedule; false where it did not do as was assumed.
   * @param pending - by thread, where it is assumed to stand.
   * @param waiting - threads that sleep, as bits: their last operation has no answer.
   */
  verify(pending: Point[], waiting: number): boolean {
    this.#memory.keep();
    for (let t = 0; t < pending.length; t++) {
      const count = (this.done[t] as number) - ((waiting >>> t) & 1);
      const saw = this.#runner.resume(t, this.paths[t] as Point[], this.answers[t] as Value[], count);
      const mismatch = this.#runner.mismatchAt;
      if (mismatch >= 0 || !isSame(saw, pending[t] as Point)) {
        this.#unlearn(t, mismatch >= 0 ? mismatch : count);
        return false;
      }
      // What was thrown this time, with the values of this schedule in it.
      pending[t] = saw.op > ENDED ? saw : (pending[t] as Point);
    }
    this.#checkPlainWrites();
    const n = this.#verified++;
    if ((n < 16 || (n & (n - 1)) === 0) && !this.again) this.#checkPlainReads(pending, waiting);
    return !this.again;
  }

  /** Asks the thread's code for its next operation. */
  #discover(t: number): Point {
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    const count = this.done[t] as number;
    this.#points++;
    if (!this.direct) this.#memory.keep();
    const point = this.#runner.resume(t, path, answers, count, this.pastOf(t));
    const mismatch = this.#runner.mismatchAt;
    if (!this.direct) {
      // A plain write, or a guess that was wrong before: either way this schedule will be repeated.
      this.#checkPlainWrites();
      if (mismatch >= 0) this.#unlearn(t, mismatch);
      if (this.again) return END;
    } else if (mismatch >= 0) {
      const expected = path[mismatch] as Point;
      this.nondeterminism = { kind: 'nondeterminism', thread: t, step: mismatch, expected, saw: point };
      this.again = true;
      return END;
    }
    if (MAY_SPIN.has(point.op)) point.spin = this.#findSpin(t, point, count);
    return this.direct ? point : this.#share(t, point, count);
  }

  /**
   * Threads that come to the same operation, as their n-th, mostly go on alike whatever was before: such points are one,
   * and what is learnt after one history is known after all.
   */
  #share(t: number, point: Point, count: number): Point {
    const alike = this.#alike[t];
    if (alike === undefined || point.op >= ENDED) return point;
    const key = `${count} ${point.op} ${point.at} ${point.size} ${point.spin} ${point.a} ${point.b}`;
    const known = alike.get(key);
    if (known !== undefined && known.deadline === point.deadline) return known;
    alike.set(key, point);
    return point;
  }

  #forget(): void {
    this.#points = 0;
    this.#roots.length = 0;
    for (const alike of this.#alike) alike?.clear();
  }

  /** The length of the loop of mere reads that the thread is about to repeat, 0 where there is none. */
  #findSpin(t: number, point: Point, count: number): number {
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    for (let period = 1; period <= LONGEST_SPIN && period <= count; period++) {
      const last = path[count - period] as Point;
      if (!isQuiet(last, answers[count - period])) return 0;
      if (sameOperation(last, point) && this.spins(t, period, SPIN_ROUNDS)) return period;
    }
    return 0;
  }

  /**
   * Runs the threads once more with every word changed that some operation writes. Operations are answered from the
   * log, so only code that reads such a word without Atomics can see it, and do otherwise.
   */
  #checkPlainReads(pending: readonly Point[], waiting: number): void {
    for (const path of this.paths) {
      for (const point of path) {
        if (point.op === LOAD || point.op === WAIT || this.#garbled.has(point.at)) continue;
        this.#garbled.add(point.at);
        this.#memory.garble(point.at, point.size, this.#verified);
      }
    }
    this.#garbled.clear();
    for (const [t, expected] of pending.entries()) {
      const count = (this.done[t] as number) - ((waiting >>> t) & 1);
      const saw = this.#runner.resume(t, this.paths[t] as Point[], this.answers[t] as Value[], count);
      if (!isSame(saw, expected) || this.#runner.mismatchAt >= 0) this.#goDirect();
    }
    this.#memory.putBack();
  }

  #countWrong(t: number): number {
    const count = (this.#wrong[t] as number) + 1;
    this.#wrong[t] = count;
    return count;
  }

  #checkPlainWrites(): void {
    const at = this.#memory.changed();
    if (at < 0) return;
    this.plainWriteAt = at;
    this.#goDirect();
  }

  #goDirect(): void {
    this.plain = true;
    this.direct = true;
    this.again = true;
  }

  /**
   * The thread's step number `step` was not what was remembered, so some answer before it does matter: from now on the
   * likeliest one of those not known to has a branch of its own for each answer. Where all have, the answers are not all
   * that the code depends on: it may read what others write without Atomics. If it is not that, direct mode will show it.
   */
  #unlearn(t: number, step: number): void {
    this.again = true;
    const path = this.paths[t] as Point[];
    let blamed: Point | undefined;
    for (let i = Math.min(step, this.done[t] as number) - 1; i >= 0; i--) {
      const point = path[i] as Point;
      const { op } = point;
      // What a store returns is what it stores, and no answer.
      if (point.sensitive || op === STORE || op === UNLOCK || op === LOCK) continue;
      blamed ??= point;
      if (op === LOAD || op === EXCHANGE || op === CAS || op === WAIT) {
        blamed = point;
        break;
      }
    }
    if (this.#alike[t] !== undefined && (blamed === undefined || this.#countWrong(t) > MOST_WRONG)) {
      // This thread remembers more than its next operation shows: each history is kept apart from now on.
      this.#alike[t] = undefined;
      this.#forget();
    } else if (blamed === undefined) this.#goDirect();
    else {
      blamed.sensitive = true;
      blamed.branches = new Map();
      blamed.next = undefined;
    }
  }
}

function isSame(saw: Point, expected: Point): boolean {
  return saw === expected || (saw.op >= ENDED ? saw.op === expected.op : sameOperation(saw, expected));
}

/** Whether an operation, answered so, changed nothing: a loop of such operations awaits what others do. */
function isQuiet(point: Point, answer: Value): boolean {
  const { op, words, a } = point;
  if (op === LOAD) return true;
  if (op === CAS) return !casTook(point, answer);
  if (words === undefined || typeof answer !== 'number' || typeof a !== 'number') return false;
  if (op === EXCHANGE) return answer === a;
  if (op === OR) return (answer | a) === answer;
  return op === AND && (answer & a) === answer;
}
