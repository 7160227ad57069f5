import { Chance } from '../../../base/chance.ts';
import type { Profile } from '../profile.ts';
import { BLOCK, type RunView, type Strategy } from './strategy.ts';

/**
 * Uniform random walk over whole schedules (Zhao and others, ASPLOS 2025): the chance of a thread is in
 * proportion to its operations left, judged by the most operations that the thread was seen to do. If the
 * counts are exact, all interleavings are equally likely.
 */
export class Urw implements Strategy {
  readonly name = 'urw';
  readonly everyStep = false;
  readonly watches = false;
  readonly #chance: Chance;
  readonly #profiled: Int32Array;
  readonly #total: Int32Array;
  #run: RunView | undefined;

  constructor(seed: number, profile: Profile) {
    this.#chance = new Chance(seed);
    this.#profiled = profile.operations;
    this.#total = profile.operations.slice();
  }

  begin(run: RunView): boolean {
    this.#chance.begin(run.index);
    this.#run = run;
    if (run.index % BLOCK === 0) this.#total.set(this.#profiled);
    return true;
  }

  choose(enabled: number): number {
    let sum = 0;
    for (let rest = enabled; rest !== 0; rest &= rest - 1) sum += this.#left(31 - Math.clz32(rest & -rest));
    let ticket = this.#chance.below(sum);
    for (let rest = enabled; ; rest &= rest - 1) {
      const t = 31 - Math.clz32(rest & -rest);
      ticket -= this.#left(t);
      if (ticket < 0) return t;
    }
  }

  end(): void {
    const { done, threads } = this.#run as RunView;
    for (let t = 0; t < threads; t++) {
      if ((done[t] as number) > (this.#total[t] as number)) this.#total[t] = done[t] as number;
    }
  }

  #left(t: number): number {
    const run = this.#run as RunView;
    return Math.max(1, (this.#total[t] as number) - (run.done[t] as number));
  }
}
