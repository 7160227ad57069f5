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

/** A thread did another thing when it was run again with the same answers. */
export type Nondeterminism = {
  readonly kind: 'nondeterminism';
  readonly thread: number;
  readonly step: number;
  readonly expected: Point;
  readonly saw: Point;
};

/** The clock is looked at when threads' code has been run so often, a power of two, less one. All else takes no time. */
const CLOCK_EVERY = 15;
/** A thread that has done fewer operations than that is not looked ahead for: it is soon run again. */
const LEAST_AHEAD = 32;
/** How far is looked ahead: at first, at least, and at most. Twice as far where it came so, half as far where it did not. */
const FIRST_AHEAD = 16;
const SHORTEST_AHEAD = 2;
const LONGEST_AHEAD = 4096;
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
  /** Some thread sleeps in this schedule; told by the simulator. */
  asleep = false;
  /** This schedule rests on a wrong guess: give it up and repeat it. */
  again = false;
  /** This schedule is to be left, for that or because it takes long. */
  stop = false;
  nondeterminism: Nondeterminism | undefined;
  /** Threads were found to use shared words without Atomics; where they write, one such word. */
  plain = false;
  plainWriteAt = -1;
  #direct = false;
  /** The code has done in the last schedule what was assumed. */
  #wasRight = false;
  /** Some thread's clock has gone on while it waited, in this schedule. */
  #jumped = false;
  #runs = 0;
  readonly #memory: SharedMemory;
  readonly #runner: ThreadRunner;
  /** In direct mode, by thread and operation: the time of the memory when it was answered, and when the thread began. */
  readonly #past: number[][];
  readonly #began: Int32Array;
  readonly #known: KnownPoints;
  readonly #loops: Loops;
  readonly idleRounds = new IdleRounds();
  /** By thread: how far is looked ahead for it, and the operation up to which that was done last. */
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

  /** The code is run at each step, and nothing taken from memory. */
  set direct(direct: boolean) {
    this.#direct = direct;
    if (direct) this.#memory.searchExactly();
    else this.#memory.searchFast();
  }

  /** The schedule is to be left for now, where it stands, and gone on with; see watchdog.ts. */
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

  /** A loop was taken for endless that would end by itself after very many rounds. */
  get letGo(): boolean {
    return this.#loops.letGo;
  }

  /** A thread, by number, that may do something else after more rounds of a loop than were run; -1 where none was met. */
  get countsRounds(): number {
    return this.idleRounds.counts >= 0 ? this.idleRounds.counts : this.#loops.carrier;
  }

  /** The clock of thread `t` goes on by so much with the answer to its last operation. */
  jump(t: number, ns: number): void {
    if (ns <= 0) return;
    this.#jumped = true;
    this.#runner.jumps[t]?.set((this.done[t] as number) - 1, ns);
  }

  /** Where thread `t` stands before its first operation. */
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

  /** Where the clock of a thread goes on with an answer, by how much is a part of the answer. */
  #answerInTime(t: number, point: Point, answer: Value): Value {
    const jump = this.#runner.jumps[t]?.get((this.done[t] as number) - 1);
    if (jump === undefined) return answer;
    if (!point.sensitive) makeSensitive(point);
    return `${typeof answer} ${answer} ${jump}`;
  }

  /** The length of the loop that thread `t` waits in at `point`, in looks; 0 where it does not wait. */
  findLoop(t: number, point: Point): number {
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    const period = this.#loops.find(t, path, answers, this.done[t] as number, point);
    if (period !== undefined) return period;
    if (this.#direct) return 0;
    this.#unlearn(t, this.#runner.mismatchAt, this.#runner.mismatchInTime);
    return 0;
  }

  /** Whether thread `t`, which is held in a loop of so many looks, would stay in it by itself. */
  staysInLoop(t: number, period: number): boolean {
    const path = this.paths[t] as Point[];
    return this.#loops.staysIn(t, path, this.answers[t] as Value[], this.done[t] as number, period);
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
      const expected = pending[t] as Point;
      if (mismatch >= 0 || !isSame(saw, expected)) {
        this.#unlearn(t, mismatch >= 0 ? mismatch : count, this.#runner.mismatchInTime);
        return false;
      }
      if (this.#runner.timesMatter && saw.deadline !== expected.deadline) {
        this.#unlearn(t, count, true);
        return false;
      }
      // What was thrown this time, with the values of this schedule in it.
      pending[t] = saw.op > ENDED ? saw : (pending[t] as Point);
    }
    this.#checkPlainWrites();
    const n = this.#verified++;
    if ((n < 16 || (n & (n - 1)) === 0) && !this.again && this.#reads.areUnseen(this, pending, waiting))
      this.#goDirect();
    this.#wasRight = !this.again;
    // Where a thread's clock has jumped, the answers of its log belong to the numbers that its operations have.
    if (this.#wasRight && !this.#jumped)
      this.idleRounds.check(this.#runner, this.paths, this.answers, this.done, pending, waiting);
    return this.#wasRight;
  }

  /** Asks the thread's code for its next operation. */
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
      // A plain write: this schedule will be repeated. After looking ahead it shows in `verify` only.
      this.#checkPlainWrites();
    } else point = this.#runner.explore(t, path, answers, count, most, this.asleep);
    const mismatch = this.#runner.mismatchAt;
    // A guess that was wrong before: here too.
    if (mismatch >= 0) this.#unlearn(t, mismatch, this.#runner.mismatchInTime);
    if (this.again) return END;
    const ahead = most === 0 ? 0 : this.#runner.ahead.count;
    const shared = this.#known.share(t, point, count);
    this.#expectedTo[t] = count + Math.max(0, ahead - 1);
    if (ahead > 1) this.#expect(t, shared, count, ahead);
    return shared;
  }

  /** How far to look ahead for a thread, by whether it did what was expected of it the last time. */
  #howFar(t: number, count: number): number {
    const reach = this.#reach[t] as number;
    const to = this.#expectedTo[t] as number;
    // In another schedule, or after another history.
    if (count <= to - reach) return reach;
    const next = count >= to ? Math.min(reach * 2, LONGEST_AHEAD) : Math.max(reach >> 1, SHORTEST_AHEAD);
    this.#reach[t] = next;
    return next;
  }

  /** In direct mode: where the thread stands, its code being run with the memory as it was at each of its operations. */
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

  /** Remembers what the thread, which stands at `point` after `count` operations, would do if it went on alone. */
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
   * The thread's step number `step` was not what was remembered, so some answer before it does matter: from now on the
   * likeliest one of those not known to has a branch of its own for each answer. Where all have, the answers are not all
   * that the code depends on: it may read what others write without Atomics. If it is not that, direct mode will show it.
   * @param inTime - it was the same operation at another time, so that an earlier wait is to blame.
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
      // What a store returns is what it stores, and no answer.
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
