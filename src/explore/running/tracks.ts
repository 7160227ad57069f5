import type { SharedMemory } from '../memory/shared-memory.ts';
import { IdleRounds } from './idle-rounds.ts';
import { after, KnownPoints, lead, makeSensitive } from './known-points.ts';
import { Loops } from './loops.ts';
import {
  CAS,
  ENDED,
  EXCHANGE,
  LOAD,
  LOCK,
  PLAIN_LOAD,
  PLAIN_STORE,
  type Point,
  STORE,
  UNLOCK,
  type Value,
  WAIT,
} from './operation.ts';
import { isSame, mayOnlyLook } from './spin.ts';
import { END } from './thread-end.ts';
import type { ThreadRunner } from './thread-runner.ts';
import { UnseenReads } from './unseen-reads.ts';
import { isDue } from './watchdog.ts';

/** A thread acted differently in a second run with the same answers. */
export type Nondeterminism = {
  readonly kind: 'nondeterminism';
  readonly thread: number;
  readonly step: number;
  readonly expected: Point;
  readonly saw: Point;
};

/** Reads the clock after this many runs of threads' code, a power of two less one. Everything else takes no time. */
const CLOCK_EVERY = 15;
/** Fewest operations of a thread for looking ahead: a shorter thread is soon run again. */
const LEAST_AHEAD = 32;
/**
 * The distance of looking ahead: initial, least, and most. Doubles after a right prediction, halves after a wrong one.
 */
const FIRST_AHEAD = 16;
const SHORTEST_AHEAD = 2;
const LONGEST_AHEAD = 4096;
/**
 * The operations of each thread in this schedule, and the known continuations. The next point of a thread is learnt by
 * running its code once, and remembered; at the end of a schedule, each thread's code runs with its answers, which
 * checks every remembered point. In direct mode nothing is taken from memory: the code runs at each step. That is exact
 * also for code that uses shared memory without Atomics, and slow.
 */
export class Tracks {
  /** By thread: the points of its operations in this schedule, their answers, and their number. */
  readonly paths: Point[][];
  readonly answers: Value[][];
  readonly done: Int32Array;
  /** Whether a thread sleeps in this schedule; set by the simulator. */
  asleep = false;
  /** Whether this schedule rests on a wrong guess: the simulator abandons and repeats the schedule. */
  again = false;
  /** Whether to leave this schedule, because of a wrong guess or of a long run. */
  stop = false;
  nondeterminism: Nondeterminism | undefined;
  /** Whether threads use shared words without Atomics; if they write, the address of one such word. */
  plain = false;
  plainWriteAt = -1;
  #direct = false;
  /** Whether the code followed the assumptions in the last schedule. */
  #wasRight = false;
  /** Whether a thread's clock went on in this schedule while the thread waited. */
  #jumped = false;
  #runs = 0;
  readonly #memory: SharedMemory;
  readonly #runner: ThreadRunner;
  /** In direct mode, by thread and operation: the memory's time at the answer, and at the thread's beginning. */
  readonly #past: number[][];
  readonly #began: Int32Array;
  readonly #known: KnownPoints;
  readonly #loops: Loops;
  readonly idleRounds = new IdleRounds();
  /** By thread: its distance of looking ahead, and the last operation predicted. */
  readonly #reach: Int32Array;
  readonly #expectedTo: Int32Array;
  readonly #reads: UnseenReads;
  #verified = 0;

  constructor(threads: number, memory: SharedMemory, runner: ThreadRunner) {
    this.paths = Array.from({ length: threads }, () => []);
    this.answers = Array.from({ length: threads }, () => []);
    this.done = new Int32Array(threads);
    this.#past = Array.from({ length: threads }, () => []);
    this.#reach = new Int32Array(threads).fill(FIRST_AHEAD);
    this.#expectedTo = new Int32Array(threads);
    this.#memory = memory;
    this.#runner = runner;
    this.#known = new KnownPoints(threads, runner);
    this.#loops = new Loops(threads, runner);
    this.#reads = new UnseenReads(memory, runner);
    this.#began = new Int32Array(threads);
    memory.searchFast();
  }

  get direct(): boolean {
    return this.#direct;
  }

  /** Whether to run the code at each step, and take nothing from memory. */
  set direct(direct: boolean) {
    this.#direct = direct;
    if (direct) this.#memory.searchExactly();
    else this.#memory.searchFast();
  }

  /** Whether to interrupt the schedule here, and to continue later; see watchdog.ts. */
  isLate(): boolean {
    if (!this.stop || this.again) return false;
    this.stop = false;
    return true;
  }

  /** Begins a schedule. */
  begin(): void {
    for (let t = 0; t < this.done.length; t++) this.done[t] = 0;
    this.again = false;
    this.stop = false;
    this.asleep = false;
    this.nondeterminism = undefined;
    this.#known.begin();
    this.idleRounds.begin();
    this.#loops.begin(this.#wasRight || this.#direct);
    this.#wasRight = false;
    if (this.#jumped) for (const jumps of this.#runner.jumps) jumps.clear();
    this.#jumped = false;
  }

  /** Whether a loop was taken for endless that would end by itself after very many rounds. */
  get letGo(): boolean {
    return this.#loops.letGo;
  }

  /** The number of a thread that may act differently after more rounds of a loop than were run; -1 for none. */
  get countsRounds(): number {
    return this.idleRounds.counts >= 0 ? this.idleRounds.counts : this.#loops.carrier;
  }

  /** Advances the clock of thread `t` at the answer to its last operation. */
  jump(t: number, ns: number): void {
    if (ns <= 0) return;
    this.#jumped = true;
    this.#runner.jumps[t]?.set((this.done[t] as number) - 1, ns);
  }

  /** The point of thread `t` before its first operation. */
  root(t: number): Point {
    if (this.#direct) {
      this.#began[t] = this.#memory.position;
      return this.#discover(t);
    }
    const known = this.#known.roots[t];
    if (known !== undefined) return known;
    const root = this.#discover(t);
    this.#known.roots[t] = root;
    return root;
  }

  /** Records an operation of thread `t`. */
  add(t: number, point: Point, answer: Value): void {
    const done = this.done[t] as number;
    (this.paths[t] as Point[])[done] = point;
    (this.answers[t] as Value[])[done] = answer;
    this.done[t] = done + 1;
  }

  /** Sets the answer of thread `t`'s last operation, a wait. */
  amend(t: number, answer: Value): void {
    (this.answers[t] as Value[])[(this.done[t] as number) - 1] = answer;
  }

  /** The point of thread `t` after its last operation, at `point` with `answer`. */
  next(t: number, point: Point, answer: Value): Point {
    if (this.#direct) {
      (this.#past[t] as number[])[(this.done[t] as number) - 1] = this.#memory.position;
      return this.#discover(t);
    }
    const full = this.#jumped ? this.#answerInTime(t, point, answer) : answer;
    const known = after(point, full);
    if (known !== undefined) return known;
    const next = this.#discover(t);
    if (!this.again) lead(point, full, next);
    return next;
  }

  /** Where a thread's clock jumps at an answer, the length of the jump is part of the answer. */
  #answerInTime(t: number, point: Point, answer: Value): Value {
    const jump = this.#runner.jumps[t]?.get((this.done[t] as number) - 1);
    if (jump === undefined) return answer;
    if (!point.sensitive) makeSensitive(point);
    return `${typeof answer} ${answer} ${jump}`;
  }

  /**
   * The length, in looks, of the loop in which thread `t` waits at `point`; 0 if the thread does not wait.
   */
  findLoop(t: number, point: Point): number {
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    const period = this.#loops.find(t, path, answers, this.done[t] as number, point);
    if (period !== undefined) return period;
    if (this.#direct) return 0;
    this.#unlearn(t, this.#runner.mismatchAt, this.#runner.mismatchInTime);
    return 0;
  }

  /** Whether thread `t`, held in a loop of so many looks, would stay there by itself. */
  staysInLoop(t: number, period: number): boolean {
    const path = this.paths[t] as Point[];
    return this.#loops.staysIn(t, path, this.answers[t] as Value[], this.done[t] as number, period);
  }

  /**
   * Runs every thread's code once with the answers of this schedule; false if a thread did not follow the assumptions.
   * @param pending - by thread, its assumed point.
   * @param waiting - sleeping threads, as bits: their last operation has no answer.
   */
  verify(pending: Point[], waiting: number): boolean {
    this.#memory.keep();
    for (let t = 0; t < pending.length; t++) {
      const count = (this.done[t] as number) - ((waiting >>> t) & 1);
      const saw = this.#runner.resume(t, this.paths[t] as Point[], this.answers[t] as Value[], count);
      const mismatch = this.#runner.mismatchAt;
      const expected = pending[t] as Point;
      if (mismatch >= 0 || !isSame(saw, expected)) {
        this.#unlearn(t, mismatch >= 0 ? mismatch : count, this.#runner.mismatchInTime);
        return false;
      }
      if (this.#runner.timesMatter && saw.deadline !== expected.deadline) {
        this.#unlearn(t, count, true);
        return false;
      }
      // The error of this run, whose text has the values of this schedule.
      pending[t] = saw.op > ENDED ? saw : (pending[t] as Point);
    }
    this.#checkPlainWrites();
    const n = this.#verified++;
    if ((n < 16 || (n & (n - 1)) === 0) && !this.again && this.#reads.areUnseen(this, pending, waiting))
      this.#goDirect();
    this.#wasRight = !this.again;
    // After a jump of a thread's clock, the answers of its log belong to fixed operation numbers.
    if (this.#wasRight && !this.#jumped)
      this.idleRounds.check(this.#runner, this.paths, this.answers, this.done, pending, waiting);
    return this.#wasRight;
  }

  /** Runs the thread's code for its next operation. */
  #discover(t: number): Point {
    if ((++this.#runs & CLOCK_EVERY) === 0 && isDue()) this.stop = true;
    if (this.#direct) return this.#discoverExactly(t);
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    const count = this.done[t] as number;
    const most = count < LEAST_AHEAD ? 0 : this.#howFar(t, count);
    let point: Point;
    if (most === 0) {
      this.#memory.keep();
      point = this.#runner.resume(t, path, answers, count);
      // A plain write: this schedule will be repeated. After looking ahead, only `verify` shows the write.
      this.#checkPlainWrites();
    } else point = this.#runner.explore(t, path, answers, count, most, this.asleep);
    const mismatch = this.#runner.mismatchAt;
    // A guess that was wrong before is wrong here too.
    if (mismatch >= 0) this.#unlearn(t, mismatch, this.#runner.mismatchInTime);
    if (this.again) return END;
    const ahead = most === 0 ? 0 : this.#runner.ahead.count;
    const shared = this.#known.share(t, point, count);
    this.#expectedTo[t] = count + Math.max(0, ahead - 1);
    if (ahead > 1) this.#expect(t, shared, count, ahead);
    return shared;
  }

  /** The distance of looking ahead for a thread, by the success of the last prediction. */
  #howFar(t: number, count: number): number {
    const reach = this.#reach[t] as number;
    const to = this.#expectedTo[t] as number;
    // In another schedule, or after another history.
    if (count <= to - reach) return reach;
    const next = count >= to ? Math.min(reach * 2, LONGEST_AHEAD) : Math.max(reach >> 1, SHORTEST_AHEAD);
    this.#reach[t] = next;
    return next;
  }

  /** In direct mode: runs the thread's code, with the former memory at each of its operations. */
  #discoverExactly(t: number): Point {
    const path = this.paths[t] as Point[];
    const count = this.done[t] as number;
    const point = this.#runner.resume(
      t,
      path,
      this.answers[t] as Value[],
      count,
      this.#past[t],
      this.#began[t],
    );
    const mismatch = this.#runner.mismatchAt;
    if (mismatch < 0) {
      if (mayOnlyLook(point)) point.mayHold = true;
      return point;
    }
    const expected = path[mismatch] as Point;
    this.nondeterminism = { kind: 'nondeterminism', thread: t, step: mismatch, expected, saw: point };
    this.again = true;
    this.stop = true;
    return END;
  }

  /** Remembers the predicted operations of the thread, which is at `point` after `count` operations. */
  #expect(t: number, point: Point, count: number, ahead: number): void {
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    let from = point;
    for (let i = 1; i < ahead; i++) {
      const answer = answers[count + i - 1];
      const seen = path[count + i] as Point;
      let to = after(from, answer);
      if (to === undefined) {
        to = this.#known.share(t, seen, count + i);
        lead(from, answer, to);
      } else if (!isSame(seen, to)) return;
      from = to;
    }
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
    this.stop = true;
  }

  /**
   * Corrects a guess: the thread's step number `step` was not the remembered one, so an earlier answer
   * matters. From now on, the likeliest operation whose answer is not known to matter gets a branch for each
   * answer. If every answer is known to matter, the code depends on more than answers: the thread may read
   * other threads' writes without Atomics. Otherwise, direct mode will show that the thread is
   * nondeterministic.
   * @param inTime - the operation was the same at another time, so an earlier wait is to blame.
   */
  #unlearn(t: number, step: number, inTime: boolean): void {
    this.again = true;
    this.stop = true;
    const path = this.paths[t] as Point[];
    let blamed: Point | undefined;
    for (let i = Math.min(step, this.done[t] as number) - 1; i >= 0; i--) {
      const point = path[i] as Point;
      const { op } = point;
      if (inTime && !(op === WAIT && point.deadline < Infinity)) continue;
      // A store returns its own operand, which is no answer.
      if (point.sensitive || op === STORE || op === PLAIN_STORE || op === UNLOCK || op === LOCK) continue;
      blamed ??= point;
      if (op === LOAD || op === PLAIN_LOAD || op === EXCHANGE || op === CAS || op === WAIT) {
        blamed = point;
        break;
      }
    }
    if (inTime && blamed === undefined) {
      this.#unlearn(t, step, false);
      return;
    }
    if (blamed !== undefined) this.#known.blame(t, blamed);
    else if (this.#known.isShared(t)) this.#known.keepApart(t);
    else this.#goDirect();
  }
}
