import { Chance } from '../../../base/chance.ts';
import type { Point } from '../../running/operation.ts';
import type { Profile } from '../profile.ts';
import type { RunView, Strategy } from './strategy.ts';

/**
 * Selectively uniform random walk (Zhao and others, ASPLOS 2025): each schedule picks one word, weighted by
 * its number of uses, and makes every order of the threads' operations on that word equally likely; all else
 * follows random priorities.
 */
export class Surw implements Strategy {
  readonly name = 'surw';
  readonly everyStep = false;
  readonly watches = true;
  readonly #chance: Chance;
  readonly #profile: Profile;
  readonly #priority = new Float64Array(32);
  readonly #left = new Int32Array(32);
  #run: RunView | undefined;
  #at = -1;
  #size = 0;
  #intended = -1;
  #blocked = 0;
  #seen = 0;

  constructor(seed: number, profile: Profile) {
    this.#chance = new Chance(seed);
    this.#profile = profile;
  }

  begin(run: RunView): boolean {
    const chance = this.#chance;
    const { words } = this.#profile;
    chance.begin(run.index);
    this.#run = run;
    this.#seen = 0;
    this.#intended = -1;
    this.#blocked = 0;
    let ticket = chance.below(
      Math.max(
        1,
        words.reduce((sum, word) => sum + word.total, 0),
      ),
    );
    const word = words.find((each) => {
      ticket -= each.total;
      return ticket < 0;
    });
    this.#at = word?.at ?? -1;
    this.#size = word?.size ?? 0;
    for (let t = 0; t < run.threads; t++) {
      this.#priority[t] = chance.unit();
      this.#left[t] = word?.byThread[t] ?? 0;
    }
    return true;
  }

  choose(enabled: number): number {
    const run = this.#run as RunView;
    for (; this.#seen < run.steps; this.#seen++) {
      this.#priority[run.stepThread[this.#seen] as number] = this.#chance.unit();
    }
    for (;;) {
      const open = enabled & ~this.#blocked;
      if (open === 0) {
        this.#blocked = 0;
        this.#intended = -1;
        continue;
      }
      const t = this.#highest(open);
      if (!this.#isTarget(run.pending[t])) return t;
      if (this.#intended < 0) this.#intended = this.#drawIntended(run);
      if (this.#intended === t || this.#intended < 0) {
        this.#left[t] = Math.max(0, (this.#left[t] as number) - 1);
        this.#intended = -1;
        this.#blocked = 0;
        return t;
      }
      this.#blocked |= 1 << t;
    }
  }

  end(): void {}

  #highest(set: number): number {
    let best = -1;
    let most = -1;
    for (let rest = set; rest !== 0; rest &= rest - 1) {
      const t = 31 - Math.clz32(rest & -rest);
      if ((this.#priority[t] as number) > most) {
        most = this.#priority[t] as number;
        best = t;
      }
    }
    return best;
  }

  #isTarget(point: Point | undefined): boolean {
    return point !== undefined && point.at < this.#at + this.#size && this.#at < point.at + point.size;
  }

  /**
   * A thread in proportion to its operations left on the word; a thread that stands at the word counts at
   * least once.
   */
  #drawIntended(run: RunView): number {
    let sum = 0;
    for (let t = 0; t < run.threads; t++) sum += this.#weight(run, t);
    let ticket = this.#chance.below(sum);
    for (let t = 0; t < run.threads; t++) {
      ticket -= this.#weight(run, t);
      if (ticket < 0) return t;
    }
    return -1;
  }

  #weight(run: RunView, t: number): number {
    const left = this.#left[t] as number;
    return left === 0 && this.#isTarget(run.pending[t]) ? 1 : left;
  }
}
