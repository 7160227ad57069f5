import { Chance } from '../../../base/chance.ts';
import { BLOCK, type RunView, type Strategy } from './strategy.ts';

/**
 * Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010): threads have random priorities, the highest
 * that can go on runs, and at d - 1 random steps the running thread falls below all others. Finds a bug that needs d
 * ordering constraints with a chance of at least 1 / (n * k^(d-1)) in each schedule of n threads and k steps.
 */
export class Pct implements Strategy {
  readonly name: string;
  readonly everyStep = true;
  readonly watches = false;
  readonly #chance: Chance;
  readonly #changes: Int32Array;
  readonly #places: Int32Array;
  readonly #priority: Int32Array;
  readonly #profiledSteps: number;
  #run: RunView | undefined;
  #steps: number;
  #threads = 0;
  #nextChange = 0;

  /**
   * @param depth - d, at least 1.
   * @param steps - k, the length of a first schedule; a longer schedule raises k.
   */
  constructor(seed: number, depth: number, steps: number) {
    this.name = `pct(${depth})`;
    this.#chance = new Chance(seed);
    this.#changes = new Int32Array(Math.max(0, depth - 1));
    this.#places = new Int32Array(Math.max(0, depth - 1));
    this.#priority = new Int32Array(32);
    this.#profiledSteps = Math.max(1, steps);
    this.#steps = this.#profiledSteps;
  }

  begin(run: RunView): boolean {
    const chance = this.#chance;
    chance.begin(run.index);
    if (run.index % BLOCK === 0) this.#steps = this.#profiledSteps;
    this.#run = run;
    const n = run.threads;
    this.#threads = n;
    const priority = this.#priority;
    const depth = this.#changes.length + 1;
    for (let t = 0; t < n; t++) {
      const other = chance.below(t + 1);
      priority[t] = priority[other] as number;
      priority[other] = depth + t;
    }
    this.#drawChanges();
    this.#nextChange = 0;
    return true;
  }

  choose(enabled: number): number {
    let best = this.#highest(enabled);
    const step = this.#run?.steps ?? 0;
    const changes = this.#changes;
    while (this.#nextChange < changes.length && step >= (changes[this.#nextChange] as number)) {
      this.#priority[best] = this.#places[this.#nextChange] as number;
      this.#nextChange++;
      best = this.#highest(enabled);
    }
    return best;
  }

  end(): void {
    const steps = this.#run?.steps ?? 0;
    if (steps > this.#steps) this.#steps = steps;
  }

  #highest(enabled: number): number {
    const priority = this.#priority;
    let best = -1;
    let most = -1;
    for (let t = 0; t < this.#threads; t++) {
      if ((enabled & (1 << t)) !== 0 && (priority[t] as number) > most) {
        most = priority[t] as number;
        best = t;
      }
    }
    return best;
  }

  /** d - 1 steps, kept in order; each has a place of its own below all threads, the places in random order. */
  #drawChanges(): void {
    const changes = this.#changes;
    const places = this.#places;
    for (let i = 0; i < changes.length; i++) {
      const step = this.#chance.below(this.#steps);
      let at = i;
      for (; at > 0 && (changes[at - 1] as number) > step; at--) {
        changes[at] = changes[at - 1] as number;
        places[at] = places[at - 1] as number;
      }
      changes[at] = step;
      places[at] = i;
    }
  }
}
