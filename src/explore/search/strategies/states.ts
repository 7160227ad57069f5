import { TIMEOUT } from '../../running/operation.ts';
import { StateHash } from './state-hash.ts';
import { PRUNE, type RunEnd, type RunView, type Strategy } from './strategy.ts';

/** How many states are remembered; beyond, schedules run on from states that were met before. */
const MOST_STATES = 4_000_000;

/**
 * A depth-first search of states: a schedule that comes to a state which an earlier one has met is given up, as all that
 * can follow has been searched from there, or will be. Explicit-state model checking, as in SPIN (Holzmann, 1997).
 *
 * A state is the shared memory, the queues of sleepers, and the position of each thread. A thread's code is a function
 * of its answers, so its position is the row of all answers that the thread has had: two positions that the code makes
 * nothing different of count as two. Schedules are told apart by their states alone, and not by the order of their steps, so
 * many stores that nobody reads make few states. Where histories differ, partial order reduction does better.
 */
export class States implements Strategy {
  readonly name = 'states';
  readonly everyStep = true;
  readonly watches = true;
  /** Schedules that were given up at a state that had been met. */
  extra = 0;
  /** By state: a check of its hash. */
  readonly #met = new Map<number, number>();
  /** The states that the present schedule was the first to meet. */
  readonly #added: number[] = [];
  readonly #hash = new StateHash();
  /** By step: the thread taken, and the threads still to be tried in its place. */
  readonly #taken: number[] = [];
  readonly #left: number[] = [];
  #run: RunView | undefined;
  #prefix = 0;
  #isFirst = true;
  /** The steps that follow a state may depend on more than the state. */
  #isOpen = false;

  /** How many states were met. */
  get states(): number {
    return this.#met.size;
  }

  begin(run: RunView, again: boolean): boolean {
    this.#run = run;
    if (again) {
      for (const key of this.#added) this.#met.delete(key);
      this.#taken.length = this.#left.length = this.#prefix;
    } else if (!this.#isFirst && !this.#nextBranch()) return false;
    this.#isFirst = false;
    this.#prefix = this.#taken.length;
    this.#added.length = 0;
    this.#isOpen = false;
    this.#hash.begin(run);
    return true;
  }

  choose(enabled: number, current: number): number {
    const run = this.#run as RunView;
    const at = run.steps;
    // Time that has gone on is part of the state from then on, and is not seen here.
    this.#isOpen ||= run.late && at > 0 && run.stepPoint[at - 1]?.op === TIMEOUT;
    const t = at < this.#prefix ? this.#again(at, enabled) : this.#first(at, enabled, current);
    if (t !== PRUNE) this.#hash.willStep(run, t);
    return t;
  }

  end(how: RunEnd): void {
    if (how === 'pruned') this.extra++;
  }

  #again(at: number, enabled: number): number {
    const taken = this.#taken[at] as number;
    // The enabled set can differ only after a wrong guess of the simulator, which will repeat the schedule.
    return (enabled & (1 << taken)) !== 0 ? taken : 31 - Math.clz32(enabled & -enabled);
  }

  #first(at: number, enabled: number, current: number): number {
    if (this.#wasMet()) return PRUNE;
    const t =
      current >= 0 && (enabled & (1 << current)) !== 0 ? current : 31 - Math.clz32(enabled & -enabled);
    this.#taken[at] = t;
    this.#left[at] = enabled & ~(1 << t);
    return t;
  }

  /** Whether an earlier schedule has met the present state; if none has, this one is the first. */
  #wasMet(): boolean {
    const run = this.#run as RunView;
    if (this.#isOpen || !run.isClosed) return false;
    const { key, check } = this.#hash.take(run);
    const met = this.#met.get(key);
    if (met !== undefined) return met === check;
    if (this.#met.size >= MOST_STATES) return false;
    this.#met.set(key, check);
    this.#added.push(key);
    return false;
  }

  #nextBranch(): boolean {
    for (let at = this.#taken.length - 1; at >= 0; at--) {
      const left = this.#left[at] as number;
      this.#taken.length = this.#left.length = at;
      if (left === 0) continue;
      const t = 31 - Math.clz32(left & -left);
      this.#taken[at] = t;
      this.#left[at] = left & ~(1 << t);
      return true;
    }
    return false;
  }
}
