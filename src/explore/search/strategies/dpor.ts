import { LOCK, type Point, READ, TIMEOUT, UNLOCK, WRITE } from '../../running/operation.ts';
import { classOf } from '../classes.ts';
import { Dependence, type Step } from '../dependence.ts';
import { PRUNE, type RunEnd, type RunView, type Strategy } from './strategy.ts';

/** How many classes are remembered; beyond, some may be counted twice. */
const MOST_CLASSES = 1_000_000;

/**
 * Dynamic partial order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson and Sagonas, POPL
 * 2014): of all schedules that differ only in the order of steps that do not conflict, one runs to its end.
 * Each pair of conflicting steps that could have come in the other order asks for a schedule with that order.
 *
 * A failing step conflicts with every other step, because a failure ends the schedule. A thread in a loop
 * that awaits a change counts as blocked until the change, so loops are not counted by their turns. A step
 * that takes another thread's step away, by waking that thread or by blocking it, asks for a schedule in
 * which the other step comes first.
 */
export class Dpor implements Strategy {
  readonly name = 'dpor';
  readonly everyStep = false;
  readonly watches = true;
  /** Schedules given up because each thread that could go on would only repeat a schedule seen before. */
  blocked = 0;
  repeats = false;
  #run: RunView | undefined;
  #threads = 0;
  // By step: the threads that could go on, the thread taken, the threads to try, and the threads that need
  // not be tried (with their step).
  readonly #enabled: number[] = [];
  readonly #chosen: number[] = [];
  readonly #backtrack: number[] = [];
  readonly #sleep: number[] = [];
  readonly #sleepStep: (Step | undefined)[] = [];
  readonly #steps: Step[] = [];
  readonly #dependence = new Dependence();
  /**
   * By step: the step, or an earlier one, was kept behind a step with which it does not conflict; see {@link
   * Dependence}.
   */
  readonly #careful: boolean[] = [];
  /** By step: the step, or an earlier one, has woken a thread. */
  readonly #hasWoken: boolean[] = [];
  /** Classes of schedules in which steps were kept in order that need not be. */
  readonly #classes = new Set<number>();
  /** By step and thread: how many steps of that thread happen before this one, itself included. */
  readonly #clock: number[] = [];
  /** By step: its number among its thread's own. */
  readonly #own: number[] = [];
  /**
   * By thread and thread: the clock of the thread's last step, joined with the clock of the step that woke
   * the thread.
   */
  readonly #now: number[] = [];
  readonly #count: number[] = [];
  #length = 0;
  #prefix = 0;
  #processed = 0;
  #started = false;
  #backtrackBefore: number[] = [];
  #fraction = 0;

  get fraction(): number {
    return this.#fraction;
  }

  begin(run: RunView, again: boolean): boolean {
    this.#run = run;
    this.#threads = run.threads;
    if (again) {
      for (let i = 0; i < this.#prefix; i++) this.#backtrack[i] = this.#backtrackBefore[i] as number;
      this.#length = this.#prefix;
    } else {
      if (this.#started && !this.#nextBranch()) return false;
      this.#started = true;
      this.#prefix = this.#length;
      this.#backtrackBefore = this.#backtrack.slice(0, this.#length);
    }
    this.#processed = 0;
    for (let t = 0; t < run.threads; t++) {
      this.#count[t] = 0;
      for (let u = 0; u < run.threads; u++) this.#now[t * run.threads + u] = 0;
    }
    return true;
  }

  choose(enabled: number, current: number): number {
    const run = this.#run as RunView;
    const at = run.steps;
    if (at < this.#prefix) {
      const chosen = this.#chosen[at] as number;
      return (enabled & (1 << chosen)) !== 0 ? chosen : 31 - Math.clz32(enabled);
    }
    this.#process(run, at);
    this.#fallAsleep(at);
    const awake = enabled & ~(this.#sleep[at] as number);
    if (awake === 0) return PRUNE;
    const chosen = current >= 0 && (awake & (1 << current)) !== 0 ? current : 31 - Math.clz32(awake & -awake);
    this.#open(at, enabled, chosen);
    return chosen;
  }

  end(how: RunEnd): void {
    const run = this.#run as RunView;
    this.repeats = false;
    this.#process(run, run.steps);
    this.#length = run.steps;
    if (how === 'pruned') {
      this.blocked++;
      return;
    }
    if (how === 'failed' && run.steps > 0) {
      // The failing step cut off every other thread: each must have a turn before this step.
      const at = run.steps - 1;
      this.#backtrack[at] = (this.#backtrack[at] as number) | (this.#enabled[at] as number);
    }
    for (let t = 0; t < this.#threads; t++) {
      const point = run.pending[t] as Point;
      // A failing step may free its thread's lock: until then, the other threads were blocked.
      const blocked = how === 'failed' || (run.enabled & (1 << t)) === 0;
      const awaits = run.loopAt(t);
      if (point.op === LOCK && blocked)
        this.#raceForLock(run, t, { point, effect: READ | WRITE, awaits }, run.steps);
      if (awaits !== undefined) this.#raceForLook(run, t, { point, effect: READ, awaits }, run.steps);
    }
    this.repeats = !this.#isNew(run);
  }

  /** Whether no schedule was of this one's class; they can be alike only where more was kept in order than need be. */
  #isNew(run: RunView): boolean {
    if (run.steps === 0 || this.#careful[run.steps - 1] !== true) return true;
    const before = this.#classes.size;
    if (before < MOST_CLASSES) this.#classes.add(classOf(run));
    return this.#classes.size > before || before >= MOST_CLASSES;
  }

  #open(at: number, enabled: number, chosen: number): void {
    this.#enabled[at] = enabled;
    this.#chosen[at] = chosen;
    this.#backtrack[at] = 1 << chosen;
    this.#length = at + 1;
  }

  /**
   * The sleepers before a step: the sleepers before the last step and the threads already tried there,
   * without those that conflict with the last step.
   */
  #fallAsleep(at: number): void {
    const n = this.#threads;
    let sleep = 0;
    if (at > 0) {
      const step = this.#steps[at - 1] as Step;
      const before = this.#sleep[at - 1] as number;
      for (let q = 0; q < n; q++) {
        if ((before & (1 << q)) === 0) continue;
        const its = this.#sleepStep[(at - 1) * n + q] as Step;
        if (this.#dependence.conflict(its, step)) continue;
        sleep |= 1 << q;
        this.#sleepStep[at * n + q] = its;
      }
    }
    this.#sleep[at] = sleep;
  }

  /** Takes in the steps that have been done: their clocks, and the races that end in them. */
  #process(run: RunView, until: number): void {
    if (this.#processed === 0 && this.#prefix > 1) {
      this.#processed = Math.min(this.#prefix - 1, until);
      this.#takeUp(run, this.#processed);
    }
    for (; this.#processed < until; this.#processed++) {
      const at = this.#processed;
      const p = run.stepThread[at] as number;
      if (at >= this.#length) {
        // A step without a choice of ours: the schedule was too long.
        this.#fallAsleep(at);
        this.#open(at, 1 << p, p);
      }
      this.#own[at] = (this.#count[p] as number) + 1;
      this.#noteStep(run, at);
      this.#dependence.wasCareful = false;
      this.#findRaces(run, at, p);
      this.#careful[at] = this.#dependence.wasCareful || (at > 0 && this.#careful[at - 1] === true);
      this.#hasWoken[at] = run.stepWoke[at] !== 0 || (at > 0 && this.#hasWoken[at - 1] === true);
      if (at === run.steps - 1) this.#letOthersFirst(run, at, p);
      this.#settle(run, at, p);
    }
  }

  /**
   * Sets the clocks to their state before step `at` of the prefix, whose steps an earlier schedule has
   * recorded.
   */
  #takeUp(run: RunView, at: number): void {
    if (at === 0) return;
    if (this.#hasWoken[at - 1] === true) {
      for (let k = 0; k < at; k++) this.#settle(run, k, run.stepThread[k] as number);
      return;
    }
    // Each thread's clock is that of its last step.
    let missing = (1 << this.#threads) - 1;
    for (let k = at - 1; k >= 0 && missing !== 0; k--) {
      const p = run.stepThread[k] as number;
      if ((missing & (1 << p)) === 0) continue;
      missing &= ~(1 << p);
      this.#settle(run, k, p);
    }
  }

  /**
   * Records step `at`. Makes a new object, because sleepers may still hold the earlier step of this place.
   */
  #noteStep(run: RunView, at: number): void {
    const point = run.stepPoint[at] as Point;
    const effect = run.stepEffect[at] as number;
    const awaits = run.stepAwaits[at];
    const before = this.#steps[at];
    if (before?.point === point && before.effect === effect && before.awaits === awaits) return;
    this.#steps[at] = { point, effect, awaits };
  }

  /** Has the search try, before the last step, each thread whose next step the last step took away. */
  #letOthersFirst(run: RunView, at: number, p: number): void {
    const before = this.#enabled[at] as number;
    const taken = ((before & ~run.enabled) | (before & (run.stepWoke[at] as number))) & ~(1 << p);
    const backtrack = this.#backtrack[at] as number;
    this.#backtrack[at] = backtrack | (taken & ~(this.#sleep[at] as number));
  }

  #settle(run: RunView, at: number, p: number): void {
    const n = this.#threads;
    this.#count[p] = this.#own[at] as number;
    for (let u = 0; u < n; u++) this.#now[p * n + u] = this.#clock[at * n + u] as number;
    for (let woke = run.stepWoke[at] as number; woke !== 0; woke &= woke - 1) {
      const t = 31 - Math.clz32(woke & -woke);
      for (let u = 0; u < n; u++) {
        this.#now[t * n + u] = Math.max(this.#now[t * n + u] as number, this.#clock[at * n + u] as number);
      }
    }
  }

  #findRaces(run: RunView, at: number, p: number): void {
    const n = this.#threads;
    const step = this.#steps[at] as Step;
    const clock = this.#clock;
    const base = at * n;
    for (let u = 0; u < n; u++) clock[base + u] = this.#now[p * n + u] as number;
    if (step.point.op === LOCK) this.#raceForLock(run, p, step, at);
    if (step.awaits !== undefined) this.#raceForLook(run, p, step, at);
    for (let j = at - 1; j >= 0; j--) {
      const q = run.stepThread[j] as number;
      if ((clock[base + q] as number) >= (this.#own[j] as number)) continue;
      const its = this.#steps[j] as Step;
      if (!this.#dependence.conflict(its, step)) continue;
      if (!this.#isEnabling(run, j, its, p, step)) this.#reverse(run, j, at, p, step);
      for (let u = 0; u < n; u++)
        clock[base + u] = Math.max(clock[base + u] as number, clock[j * n + u] as number);
    }
    clock[base + p] = this.#own[at] as number;
  }

  /** Whether the step of `p` that conflicts with step j needed step j, so that step j cannot come later. */
  #isEnabling(run: RunView, j: number, its: Step, p: number, step: Step): boolean {
    // Time goes on only where nothing else does: everything before that is before, and everything after is after.
    if (run.late && (its.point.op === TIMEOUT || step.point.op === TIMEOUT)) return true;
    const wasAble = ((this.#enabled[j] as number) & (1 << p)) !== 0;
    return !wasAble && step.point.op === LOCK && its.point.op === UNLOCK && its.point.at === step.point.at;
  }

  /** Taking a lock races with the last taking by another thread, though the release stands between them. */
  #raceForLock(run: RunView, p: number, step: Step, at: number): void {
    for (let j = at - 1; j >= 0; j--) {
      const its = run.stepPoint[j] as Point;
      if (its.op !== LOCK || its.at !== step.point.at) continue;
      if (!this.#isUnordered(run, j, p)) return;
      this.#reverse(run, j, at, p, step);
      return;
    }
  }

  /**
   * A look in a loop that awaits a change races with every change since its thread's last step, and not with the last one
   * alone: the thread was blocked in between only because its looks were answered as before.
   */
  #raceForLook(run: RunView, p: number, step: Step, at: number): void {
    for (let j = at - 1; j >= 0; j--) {
      const its = this.#steps[j] as Step;
      if (!this.#isUnordered(run, j, p) || !this.#dependence.conflict(its, step)) continue;
      if (!this.#isEnabling(run, j, its, p, step)) this.#reverse(run, j, at, p, step);
    }
  }

  /**
   * Whether step j belongs to another thread and does not happen before the steps that thread `p` has done so
   * far.
   */
  #isUnordered(run: RunView, j: number, p: number): boolean {
    const q = run.stepThread[j] as number;
    return q !== p && (this.#now[p * this.#threads + q] as number) < (this.#own[j] as number);
  }

  /**
   * Has the search run some schedule in which the step of `p` at `at`, and all steps that this step needs,
   * come before the step at `j`.
   */
  #reverse(run: RunView, j: number, at: number, p: number, step: Step): void {
    const n = this.#threads;
    const q = run.stepThread[j] as number;
    const own = this.#own[j] as number;
    // v: the steps after j that do not happen after j, then p's step. The initials of v are the threads that
    // can begin v.
    const firsts: number[] = [];
    let seen = 0;
    let initials = 0;
    for (let k = j + 1; k < at; k++) {
      if ((this.#clock[k * n + q] as number) >= own) continue;
      const r = run.stepThread[k] as number;
      if ((seen & (1 << r)) === 0 && !this.#follows(run, firsts, k)) initials |= 1 << r;
      seen |= 1 << r;
      firsts.push(k);
    }
    if ((seen & (1 << p)) === 0 && !this.#comesAfterAny(run, firsts, p, step)) initials |= 1 << p;
    const backtrack = this.#backtrack[j] as number;
    if ((initials & (backtrack | (this.#sleep[j] as number))) !== 0) return;
    const able = initials & (this.#enabled[j] as number);
    if (able === 0) {
      // Thread p was blocked then, and step j let p go on.
      if (initials === 1 << p) return;
      // Only where enabledness depends on more than the steps' order: try everything.
      this.#backtrack[j] = backtrack | (this.#enabled[j] as number);
      return;
    }
    this.#backtrack[j] = backtrack | ((able & (1 << p)) !== 0 ? 1 << p : able & -able);
  }

  /** Whether step k happens after one of those listed. */
  #follows(run: RunView, steps: readonly number[], k: number): boolean {
    for (const i of steps) {
      if (
        (this.#clock[k * this.#threads + (run.stepThread[i] as number)] as number) >= (this.#own[i] as number)
      )
        return true;
    }
    return false;
  }

  /** Whether p's next step happens after a listed step: by p's past, or because the two steps conflict. */
  #comesAfterAny(run: RunView, steps: readonly number[], p: number, step: Step): boolean {
    const n = this.#threads;
    for (const i of steps) {
      const u = run.stepThread[i] as number;
      if ((this.#now[p * n + u] as number) >= (this.#own[i] as number)) return true;
      if (this.#dependence.conflict(this.#steps[i] as Step, step)) return true;
    }
    return false;
  }

  #nextBranch(): boolean {
    const n = this.#threads;
    while (this.#length > 0) {
      const at = this.#length - 1;
      const p = this.#chosen[at] as number;
      this.#sleep[at] = (this.#sleep[at] as number) | (1 << p);
      this.#sleepStep[at * n + p] = this.#steps[at] as Step;
      const left =
        (this.#backtrack[at] as number) & ~(this.#sleep[at] as number) & (this.#enabled[at] as number);
      if (left !== 0) {
        this.#chosen[at] = 31 - Math.clz32(left & -left);
        return true;
      }
      this.#length = at;
    }
    return false;
  }
}
