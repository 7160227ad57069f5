/** Every schedule of a program, found by running it, copying the machine at each choice, and going on with each copy. */
import { assembleAll, type Code, copy, pendingOf, type State, start, type Thread } from './machine.ts';
import type { Program } from './program.ts';
import { isBlocked, step } from './step.ts';
import { type AloneMemo, isWhereItWas, waitsInLoop } from './waiting-loop.ts';

export type Timeouts = 'late' | 'any' | 'never';

/** How many schedules there are, and how many of them fail. */
export type Counts = { schedules: number; threw: number; stuck: number };

export type Size = { readonly preemptions: number; readonly steps: number };

export type Judged = {
  readonly counts: Counts;
  /** The same for the schedules with just so many preemptions, or delays. */
  readonly byPreemptions: Counts[];
  readonly byDelays: Counts[];
  /** All that can come out: memory, what each thread saw, and how it ended. */
  readonly outcomes: ReadonlySet<string>;
  /** By thread: the smallest schedule in which it throws. */
  readonly smallest: ReadonlyMap<number, Size>;
  readonly longest: number;
  /**
   * Some thread counts its looks, so that how often it goes round a loop makes a difference, and a search may leave that out.
   * Counts and what threads saw are not to be compared then.
   */
  readonly countsRounds: boolean;
};

/** What the judge may spend on a program. */
export type Limits = { readonly schedules: number; readonly steps: number; readonly work: number };

/** Runs every schedule; undefined where there are more than the limits allow, or longer ones. */
export function judge(program: Program, timeouts: Timeouts, limits: Limits): Judged | undefined {
  const codes = assembleAll(program);
  const search = new BruteForce(codes, timeouts, limits, false);
  if (!search.run()) return undefined;
  if (!search.countsRounds) return search;
  const exact = new BruteForce(codes, timeouts, limits, true);
  return exact.run() ? exact : undefined;
}

class BruteForce implements Judged {
  readonly counts = none();
  readonly byPreemptions: Counts[] = [];
  readonly byDelays: Counts[] = [];
  readonly outcomes = new Set<string>();
  readonly smallest = new Map<number, Size>();
  longest = 0;
  countsRounds: boolean;
  readonly #codes: readonly Code[];
  readonly #timeouts: Timeouts;
  readonly #limits: Limits;
  readonly #exact: boolean;
  readonly #memo: AloneMemo = new Map();
  #work = 0;

  /** @param exact - holds threads by the exact rule, and not by the explorer's */
  constructor(codes: readonly Code[], timeouts: Timeouts, limits: Limits, exact: boolean) {
    this.countsRounds = exact;
    this.#exact = exact;
    this.#codes = codes;
    this.#timeouts = timeouts;
    this.#limits = limits;
  }

  run(): boolean {
    return this.#visit(start(this.#codes), -1, 0, 0, 0);
  }

  /** Goes on from a state, which it uses up, in every way. False where that is too much. */
  #visit(state: State, last: number, steps: number, preemptions: number, delays: number): boolean {
    for (;;) {
      if (state.failed >= 0) return this.#end(state, steps, preemptions, delays);
      const able = this.#ableIn(state);
      if (able.length === 0) return this.#end(state, steps, preemptions, delays);
      if (steps >= this.#limits.steps || this.#work++ > this.#limits.work) return false;
      // The order of a scheduler that stays with a thread while it can go on, and else takes the next in turn.
      const from = Math.max(0, last);
      const inTurn = [...able.filter((t) => t >= from), ...able.filter((t) => t < from)];
      const [first = 0, ...others] = inTurn;
      for (const [k, t] of others.entries()) {
        const fork = copy(state);
        this.#step(fork, t);
        const preempts = able.includes(last) ? 1 : 0;
        if (!this.#visit(fork, t, steps + 1, preemptions + preempts, delays + k + 1)) return false;
      }
      this.#step(state, first);
      last = first;
      steps++;
    }
  }

  #step(state: State, t: number): void {
    const thread = state.threads[t] as Thread;
    if (this.#timeouts === 'late' && thread.state === 'asleep')
      state.now = Math.max(state.now, thread.deadline);
    step(state, this.#codes, t);
  }

  #ableIn(state: State): number[] {
    const able: number[] = [];
    for (const [t, thread] of state.threads.entries()) {
      if (thread.state === 'asleep' && this.#timeouts === 'any' && thread.deadline < Infinity) able.push(t);
      if (thread.state !== 'ready') continue;
      const operation = pendingOf(this.#codes, thread, t);
      if (operation === undefined || isBlocked(state, operation)) continue;
      if (!this.#waits(state, t)) able.push(t);
    }
    if (able.length > 0 || this.#timeouts !== 'late') return able;
    // Time goes on only where nothing else does; threads that sleep to the same moment may wake in any order.
    const deadline = Math.min(...state.queue.map((t) => (state.threads[t] as Thread).deadline));
    if (deadline === Infinity) return [];
    return [...state.threads.keys()].filter(
      (t) => state.threads[t]?.state === 'asleep' && state.threads[t]?.deadline === deadline,
    );
  }

  #waits(state: State, t: number): boolean {
    if (this.#exact) return isWhereItWas(state, this.#codes, t);
    const waits = waitsInLoop(state, this.#codes, t, this.#memo);
    if (waits && !this.countsRounds) this.countsRounds = !isWhereItWas(state, this.#codes, t);
    return waits;
  }

  #end(state: State, steps: number, preemptions: number, delays: number): boolean {
    const how =
      state.failed >= 0 ? 'threw' : state.threads.every(({ state }) => state === 'ended') ? 'ended' : 'stuck';
    this.#work += steps;
    this.longest = Math.max(this.longest, steps);
    this.byPreemptions[preemptions] ??= none();
    this.byDelays[delays] ??= none();
    const all = [this.counts, this.byPreemptions[preemptions], this.byDelays[delays]];
    for (const counts of all) {
      if (counts === undefined) continue;
      counts.schedules++;
      if (how !== 'ended') counts[how]++;
    }
    this.outcomes.add(
      `${how} ${state.failed} ${Buffer.from(state.bytes.buffer).toString('hex')} ${state.threads.map(({ done, answers }) => `${done}:${answers}`)}`,
    );
    if (how === 'threw') {
      const best = this.smallest.get(state.failed);
      if (
        best === undefined ||
        preemptions < best.preemptions ||
        (preemptions === best.preemptions && steps < best.steps)
      )
        this.smallest.set(state.failed, { preemptions, steps });
    }
    return this.counts.schedules <= this.#limits.schedules;
  }
}

function none(): Counts {
  return { schedules: 0, threw: 0, stuck: 0 };
}
