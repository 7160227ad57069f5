import { Chance } from '../chance.ts';
import type { RunView, Strategy } from './strategy.ts';

/**
 * Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010): threads have random priorities, the highest
 * that can go on runs, and at d - 1 random steps the running thread falls below all others. Finds a bug that needs d
 * ordering constraints with a chance of at least 1 / (n * k^(d-1)) in each schedule of n threads and k steps.
 */
export class Pct implements Strategy {
  readonly name: string;
  readonly watches = false;
  readonly #chance: Chance;
  readonly #changes: Int32Array;
  readonly #priority: Int32Array;
  readonly #expectedChoices: number;
  #threads = 0;
  #choice = 0;
  #nextChange = 0;

  /**
   * @param depth - d, at least 1.
   * @param expectedChoices - k: the most steps with a choice that a schedule was seen to have.
   */
  constructor(seed: number, depth: number, expectedChoices: number) {
    this.name = `pct(${depth})`;
    this.#chance = new Chance(seed);
    this.#changes = new Int32Array(Math.max(0, depth - 1));
    this.#priority = new Int32Array(32);
    this.#expectedChoices = Math.max(1, expectedChoices);
  }

  begin(run: RunView): boolean {
    const chance = this.#chance;
    chance.begin(run.index);
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
    this.#choice = 0;
    this.#nextChange = 0;
    return true;
  }

  choose(enabled: number): number {
    let best = this.#highest(enabled);
    const changes = this.#changes;
    // Change points stand sorted; each is met once, at a step where there is a choice.
    if (this.#nextChange < changes.length && this.#choice >= (changes[this.#nextChange] as number)) {
      this.#priority[best] = changes.length - this.#nextChange;
      this.#nextChange++;
      best = this.#highest(enabled);
    }
    this.#choice++;
    return best;
  }

  end(): void {}

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

  /** d - 1 different steps, in order, by insertion. */
  #drawChanges(): void {
    const changes = this.#changes;
    const k = this.#expectedChoices;
    for (let i = 0; i < changes.length; i++) {
      // The value-th of those not taken yet: shifted up past each smaller one that is.
      let value = this.#chance.below(Math.max(1, k - i));
      let at = 0;
      while (at < i && (changes[at] as number) <= value) {
        if (k > i) value++;
        at++;
      }
      for (let j = i; j > at; j--) changes[j] = changes[j - 1] as number;
      changes[at] = value;
    }
  }
}
