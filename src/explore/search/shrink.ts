import type { Simulation } from '../running/simulation.ts';
import { HANG_MS, inOnePiece, NO_END, watched } from '../running/watchdog.ts';
import { type Recording, record, type Sketch, sketch } from '../telling/record.ts';
import type { FailureKind } from '../telling/result.ts';
import { endOf } from './causes.ts';
import { FollowSwitches, type Switch } from './schedule.ts';
import { Dfs } from './strategies/dfs.ts';
import type { RunEnd } from './strategies/strategy.ts';

/** The budget of shrinking. Counted and not timed, so that the same failure shrinks to the same schedule. */
export type ShrinkBudget = {
  /** Schedules run; fewer if they are long, see {@link MOST_WORK}. */
  readonly schedules: number;
  /** A thread that comes to no operation for so long counts as endless; its schedule is left out. */
  readonly hangMs?: number;
  /** Whether the user has stopped the search: then the smallest schedule so far is the answer. */
  readonly isStopped?: () => boolean;
  /**
   * Only a schedule with this end counts as the same failure; see causes.ts. Without an end, a failure of the
   * same kind in the same thread counts.
   */
  readonly end?: string;
};

/**
 * A schedule of s steps costs about s + s² / LONG, because its threads run again more often and further. This
 * budget is enough for 200,000 schedules of 150 steps, or 1,200 of 10,000.
 */
const MOST_WORK = 30_000_000;
const LONG = 4096;
/** A batch of schedules under one watchdog. */
const BATCH = 4096;
/** Every so many schedules, less one: a look whether the user has stopped the search. */
const LOOK_MASK = 7;

export type Shrunk = {
  readonly recording: Recording;
  /** Every schedule with fewer preemptions has been run, and none fails with the same kind and in the same thread. */
  readonly minimal: 'proved' | 'best-found';
  /** The smallest schedule met that fails in another way, where that is smaller. */
  readonly smaller?: Recording;
  readonly schedulesRun: number;
};

/**
 * Looks for the smallest schedule that fails in the same way: fewest preemptions first, then fewest steps.
 * First removes switches from the schedule as long as the schedule still fails; then searches all schedules
 * with 0, 1, 2… preemptions, which finds a smaller schedule or proves that none exists.
 */
export function shrink(simulation: Simulation, found: Recording, budget: ShrinkBudget): Shrunk {
  const kind = found.failure?.kind;
  if (kind === undefined || kind === 'nondeterminism')
    return { recording: found, minimal: 'best-found', schedulesRun: 0 };
  const search = new Search(simulation, found, kind, budget);
  search.removeSwitches();
  search.shortenSwitches();
  const minimal = kind === 'step-limit' || kind === 'livelock' ? 'best-found' : search.searchBelow();
  const { best, used } = search;
  const other = search.smallerOther;
  const recorded = other === undefined ? undefined : record(simulation, other.turns);
  const smaller = recorded?.failure === undefined ? {} : { smaller: recorded };
  if (best === undefined) return { recording: found, minimal, schedulesRun: used, ...smaller };
  const recording = record(simulation, best.turns);
  if (recording.failure?.kind === kind) return { recording, minimal, schedulesRun: used, ...smaller };
  // Step by step, the schedule does not fail: its threads use shared memory without Atomics.
  const { tracks } = simulation.simulator;
  if (tracks.direct) return { recording: found, minimal: 'best-found', schedulesRun: used };
  tracks.direct = true;
  return shrink(simulation, found, budget);
}

type Size = { readonly preemptions: number; readonly steps: number; readonly switches: readonly Switch[] };

class Search {
  /** The smallest schedule so far; undefined for the schedule that was found. */
  best: Sketch | undefined;
  /** The smallest that failed in another way. */
  #other: Sketch | undefined;
  used = 0;
  #work = 0;
  readonly #simulation: Simulation;
  readonly #found: Size;
  readonly #kind: FailureKind;
  readonly #culprit: number;
  readonly #budget: ShrinkBudget;

  constructor(simulation: Simulation, found: Recording, kind: FailureKind, budget: ShrinkBudget) {
    this.#simulation = simulation;
    this.#found = { preemptions: found.preemptions, steps: found.steps.length, switches: found.switches };
    this.#kind = kind;
    this.#culprit = culpritOf(found);
    this.#budget = budget;
  }

  /**
   * The smallest schedule that fails in another way, if smaller than the smallest with the failure sought.
   */
  get smallerOther(): Sketch | undefined {
    return this.#other !== undefined && isSmaller(this.#other, this.#smallest) ? this.#other : undefined;
  }

  get #smallest(): Size {
    return this.best ?? this.#found;
  }

  /**
   * Delta debugging over the switches: leaves out halves, quarters, … single switches while the schedule
   * still fails in the same way.
   */
  removeSwitches(): void {
    let size = Math.max(1, this.#smallest.switches.length >> 1);
    while (this.#smallest.switches.length > 0 && !this.#hasSpent(0.5)) {
      let better = false;
      for (let from = 0; from < this.#smallest.switches.length && !this.#hasSpent(0.5); ) {
        const { switches } = this.#smallest;
        if (this.#tries([...switches.slice(0, from), ...switches.slice(from + size)])) better = true;
        else from += size;
      }
      if (better) size = Math.min(size, Math.max(1, this.#smallest.switches.length >> 1));
      else if (size === 1) break;
      else size >>= 1;
    }
  }

  /** Goes from one switch straight to where a later one went, leaving out those between. */
  shortenSwitches(): void {
    for (let better = true; better && !this.#hasSpent(0.5); ) {
      better = false;
      const { switches } = this.#smallest;
      for (let i = 0; i < switches.length && !better; i++) {
        for (let j = switches.length - 1; j > i && !better && !this.#hasSpent(0.5); j--) {
          const [from, to] = [switches[i], switches[j]];
          if (from === undefined || to === undefined) continue;
          better = this.#tries([
            ...switches.slice(0, i),
            { ...from, next: to.next },
            ...switches.slice(j + 1),
          ]);
        }
      }
    }
  }

  searchBelow(): Shrunk['minimal'] {
    const { simulator } = this.#simulation;
    simulator.cutShort = false;
    const how = this.#searchAll();
    // A schedule that was cut off, or a thread that was held for too long, may hide a smaller one.
    const { letGo, countsRounds } = simulator.tracks;
    return simulator.cutShort || letGo || countsRounds >= 0 ? 'best-found' : how;
  }

  #searchAll(): Shrunk['minimal'] {
    for (let most = 0; most <= this.#smallest.preemptions; most++) {
      const dfs = new Dfs({ kind: 'preemptions', most });
      let ended: boolean | undefined = false;
      while (ended === false) {
        if (this.#hasSpent(1)) return 'best-found';
        ended = this.#watch(() => this.#searchOn(dfs, most));
      }
      // A thread comes to no operation: the search does not see the schedules behind this one in its order.
      if (ended === undefined) return 'best-found';
      // The search has run every schedule within this bound.
      if (this.#smallest.preemptions <= most) return 'proved';
    }
    return 'proved';
  }

  /** Goes on with a bounded search for a batch of schedules; true where that was all. */
  #searchOn(dfs: Dfs, most: number): boolean {
    const { simulator } = this.#simulation;
    for (let i = 0; i < BATCH && !this.#hasSpent(1); i++) {
      const how = simulator.run(dfs, i);
      if (how === undefined) return true;
      this.#count();
      if (how === 'ended' || how === 'pruned' || how === 'limit') continue;
      const { preemptions, steps } = this.#smallest;
      if (most < preemptions || simulator.steps < steps) inOnePiece(() => this.#look(how));
    }
    return false;
  }

  #tries(switches: readonly Switch[]): boolean {
    const { simulator } = this.#simulation;
    return (
      this.#watch(() => {
        const how = simulator.run(new FollowSwitches(switches), 0);
        this.#count();
        return how !== 'ended' && how !== undefined && this.#look(how);
      }) ?? false
    );
  }

  /** Judges the schedule that the simulator has just run; keeps a smaller one that fails in the same way. */
  #look(how: RunEnd): boolean {
    const { simulator } = this.#simulation;
    const { end } = this.#budget;
    const endsAlike = end === undefined || endOf(this.#simulation, how) === end;
    const all = new Map(
      Array.from(simulator.choices.subarray(0, simulator.choiceCount), (thread, i) => [i, thread]),
    );
    const seen = sketch(this.#simulation, all);
    if (!isSmaller(seen, this.#smallest)) return false;
    if (!endsAlike || seen.kind !== this.#kind || culpritOf(seen) !== this.#culprit) {
      if (seen.kind !== undefined && isSmaller(seen, this.#other ?? this.#smallest)) this.#other = seen;
      return false;
    }
    this.best = seen;
    return true;
  }

  /** Undefined where a thread came to no operation. */
  #watch<T>(body: () => T): T | undefined {
    const result = watched(this.#budget.hangMs ?? HANG_MS, body);
    if (result !== NO_END) return result;
    this.#simulation.runner.abandon();
    return undefined;
  }

  #count(): void {
    const { steps } = this.#simulation.simulator;
    this.used++;
    this.#work += steps + (steps * steps) / LONG;
  }

  #hasSpent(share: number): boolean {
    if (this.used >= this.#budget.schedules * share || this.#work >= MOST_WORK * share) return true;
    return (this.used & LOOK_MASK) === 0 && this.#budget.isStopped?.() === true;
  }
}

/** The thread that threw; other kinds have no single one. */
export function culpritOf({ fault }: Pick<Recording, 'fault'>): number {
  return fault?.kind === 'threw' ? fault.thread : -1;
}

function isSmaller(a: Size, b: Size): boolean {
  if (a.preemptions !== b.preemptions) return a.preemptions < b.preemptions;
  if (a.steps !== b.steps) return a.steps < b.steps;
  return a.switches.length < b.switches.length;
}
