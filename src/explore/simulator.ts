import { IrqError } from '../errors/irq-error.ts';
import { casTook, effectOf, execute, valueAt } from './execute.ts';
import {
  ALL,
  CAS,
  ENDED,
  FAILED,
  LOAD,
  LOCK,
  NOTIFY,
  Point,
  STORE,
  TIMEOUT,
  UNLOCK,
  type Value,
  WAIT,
} from './operation.ts';
import type { CheckedScenario } from './scenario.ts';
import type { SharedMemory } from './shared-memory.ts';
import {
  countThreads,
  nthThread,
  PRUNE,
  type RunEnd,
  type RunView,
  type Strategy,
} from './strategies/strategy.ts';
import { END, mix, sameOperation, type ThreadRunner } from './thread-runner.ts';

/** When a wait with a timeout may time out: when nothing else can go on, at any step, or never. */
export type Timeouts = 'late' | 'any' | 'never';

export type SimulatorOptions = {
  /** A schedule longer than this is given up. */
  readonly maxSteps: number;
  readonly timeouts: Timeouts;
};

/** What went wrong in a schedule, in machine terms. */
export type Fault =
  | { readonly kind: 'threw'; readonly thread: number; readonly thrown: unknown }
  | { readonly kind: 'finally'; readonly thrown: unknown }
  | { readonly kind: 'outcome'; readonly outcome: string }
  | {
      readonly kind: 'nondeterminism';
      readonly thread: number;
      readonly step: number;
      readonly expected: Point;
      readonly saw: Point;
    };

/** How many points are kept before they are forgotten and learnt again; it bounds the memory. */
const MOST_POINTS = 100_000;
/** Up to this size the memory of each step is kept in direct mode; beyond, plain reads see later writes. */
const MOST_PAST = 1 << 16;
/** Loops of at most that many operations are recognised as waiting. */
const LONGEST_SPIN = 8;
/** A loop is believed to wait after asking for the same this often, and again this often before it is called stuck. */
const SPIN_ROUNDS = 64;
const STUCK_ROUNDS = 10_000;

/**
 * Runs schedules of a scenario in this one thread. The threads' code is not run step by step: where a thread goes on
 * from a point is remembered (see Point), so a schedule is executed from what is remembered, and then each thread's
 * code is run once, with the answers of this schedule, which checks everything that was assumed and does all that is
 * not an operation (assertions above all). Where the code shows that the memory was wrong, that is corrected and the
 * schedule repeated. Code that writes shared memory without Atomics is run at each step instead.
 */
export class Simulator implements RunView {
  readonly threads: number;
  readonly pending: Point[];
  readonly done: Int32Array;
  readonly paths: Point[][];
  readonly answers: Value[][];
  readonly stepThread: Uint8Array;
  readonly stepPoint: Point[];
  readonly stepEffect: Uint8Array;
  readonly stepWoke: Int32Array;
  readonly stepAnswer: Value[];
  readonly choices: Uint8Array;
  choiceCount = 0;
  index = 0;
  steps = 0;
  enabled = 0;
  waiting = 0;
  /** Threads whose enabledness depends on a value: at a lock, or in a loop that awaits a change. */
  watching = 0;
  fault: Fault | undefined;
  /** Steps of all schedules, counted. */
  totalSteps = 0;
  /** The shared word that was found written without Atomics, -1 for none. */
  plainWriteAt = -1;
  /** Some thread was found to read shared words without Atomics. */
  plainReads = false;
  /** Fill in the step arrays even where the strategy does not look at them. */
  recordAlways = false;
  /** The outcome of the last schedule, where the scenario has outcomes. */
  outcome: string | undefined;
  readonly #scenario: CheckedScenario;
  readonly #state: unknown;
  readonly #memory: SharedMemory;
  readonly #runner: ThreadRunner;
  readonly #options: SimulatorOptions;
  readonly #roots: Point[] = [];
  readonly #queue: number[] = [];
  /** In direct mode, by thread and operation: the memory when it was answered. */
  readonly #past: Uint8Array[][];
  readonly #keepsPast: boolean;
  readonly #garbled = new Set<number>();
  #verified = 0;
  #direct = false;
  #points = 0;
  #released = 0;
  #live = 0;
  #woke = 0;
  #failed = -1;
  #records = false;
  /** This schedule rests on a wrong guess: give it up and repeat it. */
  #again = false;

  constructor(
    scenario: CheckedScenario,
    state: unknown,
    memory: SharedMemory,
    runner: ThreadRunner,
    options: SimulatorOptions,
  ) {
    const n = scenario.bodies.length;
    this.threads = n;
    this.#scenario = scenario;
    this.#state = state;
    this.#memory = memory;
    this.#runner = runner;
    this.#options = options;
    this.pending = new Array<Point>(n).fill(END);
    this.done = new Int32Array(n);
    this.paths = Array.from({ length: n }, () => []);
    this.answers = Array.from({ length: n }, () => []);
    this.#past = Array.from({ length: n }, () => []);
    this.#keepsPast = memory.size <= MOST_PAST;
    this.choices = new Uint8Array(options.maxSteps + 1);
    this.stepThread = new Uint8Array(options.maxSteps + n + 1);
    this.stepEffect = new Uint8Array(options.maxSteps + n + 1);
    this.stepWoke = new Int32Array(options.maxSteps + n + 1);
    this.stepPoint = [];
    this.stepAnswer = [];
  }

  /** The threads' code is run at each step: exact for code that also writes shared memory plainly, and slow. */
  get direct(): boolean {
    return this.#direct;
  }

  /** In direct mode: the memory as it was when each of a thread's operations was answered. */
  pastOf(t: number): readonly Uint8Array[] | undefined {
    return this.#direct ? this.#past[t] : undefined;
  }

  set direct(value: boolean) {
    this.#direct = value;
  }

  /**
   * Runs one schedule as the strategy chooses.
   * @returns how it ended, or undefined where the strategy has nothing left. With 'failed', `fault` says why.
   */
  run(strategy: Strategy, index: number): RunEnd | undefined {
    this.index = index;
    for (let attempt = 0; ; attempt++) {
      this.#reset();
      if (!strategy.begin(this, attempt > 0)) return undefined;
      this.#records = strategy.watches || this.recordAlways;
      this.#start();
      const how = this.#attempt(strategy);
      if (how === 'again') continue;
      this.totalSteps += this.steps;
      strategy.end(how);
      return how;
    }
  }

  #reset(): void {
    this.#memory.restore();
    this.done.fill(0);
    this.choiceCount = 0;
    this.steps = 0;
    this.enabled = 0;
    this.waiting = 0;
    this.watching = 0;
    this.fault = undefined;
    this.outcome = undefined;
    this.#released = 0;
    this.#failed = -1;
    this.#live = 0;
    this.#again = false;
    this.#queue.length = 0;
    if (this.#points > MOST_POINTS) {
      this.#points = 0;
      this.#roots.length = 0;
    }
  }

  #start(): void {
    for (let t = 0; t < this.threads; t++) {
      let root = this.#roots[t];
      if (root === undefined || this.#direct) {
        root = this.#discover(t);
        this.#roots[t] = root;
      }
      this.#live++;
      this.#arrive(t, root);
    }
  }

  #attempt(strategy: Strategy): RunEnd | 'again' {
    const { maxSteps, timeouts } = this.#options;
    const everyStep = strategy.watches || strategy.everyStep;
    const fairFrom = maxSteps >> 1;
    let current = -1;
    let how: RunEnd = 'ended';
    while (this.#failed < 0 && !this.#again) {
      const enabled = this.enabled;
      if (enabled === 0) {
        if (this.#live === 0) break;
        if (timeouts === 'late' && this.#timeOutFirst()) continue;
        if (this.watching !== 0 && this.#release()) continue;
        how = 'stuck';
        break;
      }
      if (this.steps >= maxSteps) {
        how = 'limit';
        break;
      }
      let t: number;
      const alone = (enabled & (enabled - 1)) === 0;
      if (alone && !everyStep) t = 31 - Math.clz32(enabled);
      else {
        // A schedule that has become very long is continued fairly, by lot: what does not end then does not end at all.
        t =
          this.steps < fairFrom
            ? strategy.choose(enabled, current)
            : nthThread(enabled, (mix(this.steps, maxSteps) >>> 0) % countThreads(enabled));
        if (t === PRUNE) {
          how = 'pruned';
          break;
        }
        if (!alone) this.choices[this.choiceCount++] = t;
      }
      this.#step(t);
      current = t;
    }
    if (this.fault !== undefined) return 'failed';
    if (this.#again) return 'again';
    if (this.#failed >= 0) how = 'failed';
    if (!this.#direct && !this.#verify()) return this.fault === undefined ? 'again' : 'failed';
    if (this.#failed >= 0) {
      this.fault = {
        kind: 'threw',
        thread: this.#failed,
        thrown: (this.pending[this.#failed] as Point).thrown,
      };
    }
    return how === 'ended' ? this.#finish() : how;
  }

  #step(t: number): void {
    const point = this.pending[t] as Point;
    const bit = 1 << t;
    const at = this.steps++;
    this.#woke = 0;
    if (this.#records) {
      this.stepThread[at] = t;
      this.stepPoint[at] = point;
    }
    this.watching &= ~bit;
    if ((this.waiting & bit) !== 0) {
      if (this.#records) {
        this.stepPoint[at] = new Point(TIMEOUT, point.array, point.index, point.a, point.b, point.at);
        this.#note(at, ALL, 'timed-out');
      }
      this.#wake(t, 'timed-out');
      return;
    }
    let answer: Value;
    if (point.op === WAIT) {
      answer = this.#wait(t, point);
      if (answer === undefined) {
        if (this.#records) this.#note(at, effectOf(point, undefined), undefined);
        return;
      }
    } else if (point.op === NOTIFY) answer = this.#notify(point);
    else answer = execute(point);
    const done = this.done[t] as number;
    (this.paths[t] as Point[])[done] = point;
    (this.answers[t] as Value[])[done] = answer;
    this.done[t] = done + 1;
    if (this.#records) this.#note(at, effectOf(point, answer), answer);
    this.#advance(t, point, answer);
    if (this.watching !== 0) this.#lookAgain();
    if (this.#failed >= 0 && this.#records) this.stepEffect[at] = ALL;
  }

  #note(at: number, effect: number, answer: Value): void {
    this.stepEffect[at] = effect;
    this.stepWoke[at] = this.#woke;
    this.stepAnswer[at] = answer;
  }

  /** Finds the point that thread `t` has come to after `answer`. */
  #advance(t: number, point: Point, answer: Value): void {
    if (this.#failed >= 0 || this.#again) return;
    let next: Point | undefined;
    if (this.#direct) {
      if (this.#keepsPast)
        (this.#past[t] as Uint8Array[])[(this.done[t] as number) - 1] = this.#memory.save();
      next = this.#discover(t);
    } else {
      next = point.sensitive ? point.branches?.get(answer) : point.next;
      if (next === undefined) {
        next = this.#discover(t);
        if (point.sensitive) point.branches?.set(answer, next);
        else point.next = next;
      }
    }
    this.#arrive(t, next);
  }

  #arrive(t: number, next: Point): void {
    const bit = 1 << t;
    this.pending[t] = next;
    if (next.op >= ENDED) {
      this.enabled &= ~bit;
      this.#live--;
      if (next.op === FAILED) this.#failed = t;
    } else {
      this.enabled |= bit;
      if (next.op === LOCK || next.spin > 0) {
        this.watching |= bit;
        if (this.#held(t, next)) this.enabled &= ~bit;
      }
    }
  }

  /** Asks the thread's code for its next operation. */
  #discover(t: number): Point {
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    const count = this.done[t] as number;
    this.#points++;
    if (!this.#direct) this.#memory.keep();
    const point = this.#runner.resume(t, path, answers, count, this.#direct ? this.#past[t] : undefined);
    const mismatch = this.#runner.mismatchAt;
    if (!this.#direct) {
      // A plain write, or a guess that was wrong before: either way this schedule will be repeated.
      this.#checkPlainWrites();
      if (mismatch >= 0) this.#unlearn(t, mismatch);
      if (this.#again) return END;
    } else if (mismatch >= 0) {
      this.fault = {
        kind: 'nondeterminism',
        thread: t,
        step: mismatch,
        expected: path[mismatch] as Point,
        saw: point,
      };
      this.#again = true;
      return END;
    }
    if (point.op === LOAD || point.op === CAS) point.spin = this.#findSpin(t, point, path, answers, count);
    return point;
  }

  /** The length of the loop of mere reads that the thread is about to repeat, 0 where there is none. */
  #findSpin(
    t: number,
    point: Point,
    path: readonly Point[],
    answers: readonly Value[],
    count: number,
  ): number {
    for (let period = 1; period <= LONGEST_SPIN && period <= count; period++) {
      const last = path[count - period] as Point;
      if (!isQuiet(last, answers[count - period])) return 0;
      if (sameOperation(last, point) && this.#runner.spins(t, path, answers, count, period, SPIN_ROUNDS))
        return period;
    }
    return 0;
  }

  /** Whether a thread at a lock or in an awaiting loop has to stay there. */
  #held(t: number, point: Point): boolean {
    if (point.op === LOCK) return valueAt(point) !== 0;
    if ((this.#released & (1 << t)) !== 0) return false;
    const path = this.paths[t] as Point[];
    const answers = this.answers[t] as Value[];
    const done = this.done[t] as number;
    for (let k = done - point.spin; k < done; k++) {
      if (valueAt(path[k] as Point) !== answers[k]) return false;
    }
    return true;
  }

  #lookAgain(): void {
    for (let rest = this.watching; rest !== 0; rest &= rest - 1) {
      const t = 31 - Math.clz32(rest & -rest);
      if (this.#held(t, this.pending[t] as Point)) this.enabled &= ~(1 << t);
      else this.enabled |= 1 << t;
    }
  }

  /** Nothing can go on: lets a thread out of a loop that would end by itself after all. */
  #release(): boolean {
    for (let rest = this.watching; rest !== 0; rest &= rest - 1) {
      const t = 31 - Math.clz32(rest & -rest);
      const point = this.pending[t] as Point;
      if (point.spin === 0) continue;
      const path = this.paths[t] as Point[];
      if (
        this.#runner.spins(
          t,
          path,
          this.answers[t] as Value[],
          this.done[t] as number,
          point.spin,
          STUCK_ROUNDS,
        )
      )
        continue;
      this.#released |= 1 << t;
      this.enabled |= 1 << t;
      return true;
    }
    return false;
  }

  #wait(t: number, point: Point): Value {
    if (valueAt(point) !== point.a) return 'not-equal';
    if (point.b === 0) return 'timed-out';
    const done = this.done[t] as number;
    (this.paths[t] as Point[])[done] = point;
    (this.answers[t] as Value[])[done] = undefined;
    this.done[t] = done + 1;
    this.#queue.push(t);
    this.waiting |= 1 << t;
    if (this.#options.timeouts !== 'any' || point.b === undefined) this.enabled &= ~(1 << t);
    return undefined;
  }

  #notify(point: Point): number {
    if (this.waiting === 0) return 0;
    const most = point.a === undefined ? Infinity : (point.a as number);
    const woken: number[] = [];
    for (const t of this.#queue) {
      if (woken.length >= most) break;
      if ((this.pending[t] as Point).at === point.at) woken.push(t);
    }
    for (const t of woken) {
      this.#woke |= 1 << t;
      this.#wake(t, 'ok');
    }
    return woken.length;
  }

  #wake(t: number, answer: Value): void {
    this.#queue.splice(this.#queue.indexOf(t), 1);
    this.waiting &= ~(1 << t);
    (this.answers[t] as Value[])[(this.done[t] as number) - 1] = answer;
    this.#advance(t, this.pending[t] as Point, answer);
  }

  #timeOutFirst(): boolean {
    let first = -1;
    let least = Infinity;
    for (const t of this.#queue) {
      const { deadline } = this.pending[t] as Point;
      if (deadline < least) {
        first = t;
        least = deadline;
      }
    }
    if (first < 0 || this.steps >= this.#options.maxSteps) return false;
    this.#step(first);
    return true;
  }

  /** Runs every thread's code once with the answers of this schedule; false where it did not do as was assumed. */
  #verify(): boolean {
    this.#memory.keep();
    for (let t = 0; t < this.threads; t++) {
      const expected = this.pending[t] as Point;
      const count = (this.done[t] as number) - ((this.waiting >>> t) & 1);
      const saw = this.#runner.resume(t, this.paths[t] as Point[], this.answers[t] as Value[], count);
      const mismatch = this.#runner.mismatchAt;
      if (mismatch >= 0) this.#unlearn(t, mismatch);
      else if (
        saw !== expected &&
        (saw.op >= ENDED ? saw.op !== expected.op : !sameOperation(saw, expected))
      ) {
        this.#unlearn(t, count);
      }
      if (this.#again) return false;
      if (saw.op === FAILED) this.pending[t] = saw;
    }
    this.#checkPlainWrites();
    const n = this.#verified++;
    if ((n < 16 || (n & (n - 1)) === 0) && !this.#again) this.#checkPlainReads();
    return !this.#again;
  }

  /**
   * Runs the threads once more with every word turned over that some operation writes. Operations are answered from the
   * log, so only code that reads such a word without Atomics can see it, and do otherwise.
   */
  #checkPlainReads(): void {
    for (const path of this.paths) {
      for (const point of path) {
        if (point.op === LOAD || point.op >= WAIT || this.#garbled.has(point.at)) continue;
        this.#garbled.add(point.at);
        this.#memory.garble(point.at, point.size, this.#verified);
      }
    }
    this.#garbled.clear();
    for (let t = 0; t < this.threads; t++) {
      const expected = this.pending[t] as Point;
      const count = (this.done[t] as number) - ((this.waiting >>> t) & 1);
      const saw = this.#runner.resume(t, this.paths[t] as Point[], this.answers[t] as Value[], count);
      const same =
        saw === expected || (saw.op >= ENDED ? saw.op === expected.op : sameOperation(saw, expected));
      if (same && this.#runner.mismatchAt < 0) continue;
      this.plainReads = true;
      this.#direct = true;
      this.#again = true;
    }
    this.#memory.putBack();
  }

  #checkPlainWrites(): void {
    const at = this.#memory.changed();
    if (at < 0) return;
    this.plainWriteAt = at;
    this.#direct = true;
    this.#again = true;
  }

  /**
   * The thread's step number `step` was not what was remembered, so some answer before it does matter: from now on the
   * likeliest one of those not known to has a branch of its own for each answer. Where all have, the answers are not all
   * that the code depends on.
   */
  #unlearn(t: number, step: number): void {
    this.#again = true;
    const path = this.paths[t] as Point[];
    let blamed: Point | undefined;
    for (let i = Math.min(step, this.done[t] as number) - 1; i >= 0; i--) {
      const point = path[i] as Point;
      if (point.sensitive || point.op === STORE || point.op === UNLOCK || point.op === LOCK) continue;
      if (point.op === LOAD || point.op >= 7) {
        blamed = point;
        break;
      }
      blamed ??= point;
    }
    if (blamed !== undefined) {
      blamed.sensitive = true;
      blamed.branches = new Map();
      blamed.next = undefined;
    } else {
      // It may have read what others write without Atomics. If it is not that, direct mode will show it.
      this.plainReads = true;
      this.#direct = true;
    }
  }

  #finish(): RunEnd {
    const { finally: check, outcomes } = this.#scenario;
    if (check !== undefined) {
      try {
        this.#runner.runAside(() => check(this.#state));
      } catch (thrown) {
        if (thrown instanceof IrqError && thrown.code === 'ERR_UNSUPPORTED') throw thrown;
        this.fault = { kind: 'finally', thrown };
        return 'failed';
      }
    }
    if (outcomes !== undefined) {
      const outcome = this.#runner.runAside(() => outcomes.of(this.#state));
      this.outcome = outcome;
      if (!outcomes.allowed.includes(outcome) && !outcomes.interesting?.includes(outcome)) {
        this.fault = { kind: 'outcome', outcome };
        return 'failed';
      }
    }
    return 'ended';
  }
}

/** An operation that changed nothing. */
function isQuiet(point: Point, answer: Value): boolean {
  return point.op === LOAD || (point.op === CAS && !casTook(point, answer));
}
