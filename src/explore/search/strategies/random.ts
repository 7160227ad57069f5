import { Chance } from '../../../base/chance.ts';
import { countThreads, nthThread, type RunView, type Strategy } from './strategy.ts';

/** Random walk: at each step, every thread that can go on is as likely as any other. */
export class RandomWalk implements Strategy {
  readonly name = 'random';
  readonly everyStep = false;
  readonly watches = false;
  readonly #chance: Chance;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
  }

  begin(run: RunView): boolean {
    this.#chance.begin(run.index);
    return true;
  }

  choose(enabled: number): number {
    return nthThread(enabled, this.#chance.below(countThreads(enabled)));
  }

  end(): void {}
}
