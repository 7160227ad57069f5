import { type Recording, record } from './record.ts';
import type { FailureKind } from './result.ts';
import { FollowSwitches, type Switch } from './schedule.ts';
import type { Simulation } from './simulation.ts';
import { Dfs } from './strategies/dfs.ts';

/** What shrinking may cost, in schedules run. Counted and not timed, so that the same failure shrinks to the same. */
export type ShrinkBudget = { readonly schedules: number };

export type Shrunk = {
  readonly recording: Recording;
  /** Every schedule with fewer preemptions has been run, and does not fail. */
  readonly minimal: 'proved' | 'best-found';
  readonly schedulesRun: number;
};

/**
 * Looks for the smallest schedule that fails in the same way: fewest preemptions first, then fewest steps. First takes
 * switches out of the schedule as long as it still fails; then searches all schedules with 0, 1, 2… preemptions, which
 * finds a smaller one or proves that there is none.
 */
export function shrink(simulation: Simulation, found: Recording, budget: ShrinkBudget): Shrunk {
  const kind = found.failure?.kind;
  if (kind === undefined || kind === 'nondeterminism')
    return { recording: found, minimal: 'best-found', schedulesRun: 0 };
  const search = new Search(simulation, found, kind, budget.schedules);
  search.removeSwitches();
  search.shortenSwitches();
  const minimal = kind === 'step-limit' || kind === 'livelock' ? 'best-found' : search.searchBelow();
  return { recording: search.best, minimal, schedulesRun: search.used };
}

class Search {
  best: Recording;
  used = 0;
  readonly #simulation: Simulation;
  readonly #kind: FailureKind;
  readonly #culprit: number;
  readonly #most: number;

  constructor(simulation: Simulation, found: Recording, kind: FailureKind, most: number) {
    this.#simulation = simulation;
    this.best = found;
    this.#kind = kind;
    this.#culprit = culpritOf(found);
    this.#most = most;
  }

  /** Delta debugging over the switches: halves, quarters, … single ones are left out while it still fails alike. */
  removeSwitches(): void {
    let size = Math.max(1, this.best.switches.length >> 1);
    while (this.best.switches.length > 0 && this.used < this.#most >> 1) {
      let better = false;
      for (let from = 0; from < this.best.switches.length; from += size) {
        const switches = this.best.switches;
        if (this.#tries([...switches.slice(0, from), ...switches.slice(from + size)])) {
          better = true;
          break;
        }
      }
      if (better) size = Math.min(size, Math.max(1, this.best.switches.length >> 1));
      else if (size === 1) break;
      else size >>= 1;
    }
  }

  /** Goes from one switch straight to where a later one went, leaving out those between. */
  shortenSwitches(): void {
    for (let better = true; better && this.used < this.#most >> 1; ) {
      better = false;
      const switches = this.best.switches;
      for (let i = 0; i < switches.length && !better; i++) {
        for (let j = switches.length - 1; j > i && !better; j--) {
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
    for (let most = 0; most <= this.best.preemptions; most++) {
      const dfs = new Dfs({ kind: 'preemptions', most });
      for (let i = 0; ; i++) {
        if (this.used >= this.#most) return 'best-found';
        this.used++;
        const how = simulator.run(dfs, i);
        if (how === undefined) break;
        if (how === 'ended' || how === 'pruned' || how === 'limit') continue;
        const better = most < this.best.preemptions || simulator.steps < this.best.steps.length;
        if (better) this.#record();
      }
      // Whatever failed within this bound has been seen.
      if (this.best.preemptions <= most) return 'proved';
    }
    return 'proved';
  }

  #tries(switches: readonly Switch[]): boolean {
    const { simulator } = this.#simulation;
    this.used++;
    const how = simulator.run(new FollowSwitches(switches), 0);
    if (how === 'ended' || how === undefined) return false;
    return this.#record();
  }

  /** Records the schedule that the simulator has just run; keeps it where it fails alike and is smaller. */
  #record(): boolean {
    const { simulator } = this.#simulation;
    const all = new Map(
      Array.from(simulator.choices.subarray(0, simulator.choiceCount), (thread, i) => [i, thread]),
    );
    const recording = record(this.#simulation, all);
    if (recording.failure?.kind !== this.#kind || culpritOf(recording) !== this.#culprit) return false;
    if (!isSmaller(recording, this.best)) return false;
    this.best = recording;
    return true;
  }
}

/** The thread that threw; other kinds have no single one. */
function culpritOf(recording: Recording): number {
  return recording.fault?.kind === 'threw' ? recording.fault.thread : -1;
}

function isSmaller(a: Recording, b: Recording): boolean {
  if (a.preemptions !== b.preemptions) return a.preemptions < b.preemptions;
  if (a.steps.length !== b.steps.length) return a.steps.length < b.steps.length;
  return a.switches.length < b.switches.length;
}
