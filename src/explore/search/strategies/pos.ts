import { Chance } from '../../../base/chance.ts';
import { LOAD, type Point } from '../../running/operation.ts';
import type { RunView, Strategy } from './strategy.ts';

/**
 * Partial order sampling (Yuan, Yang and Gu, CAV 2018): each pending operation has a random priority; the
 * operation with the highest one runs, and operations that conflict with it draw new priorities.
 */
export class Pos implements Strategy {
  readonly name = 'pos';
  readonly everyStep = false;
  readonly watches = true;
  readonly #chance: Chance;
  readonly #priority = new Float64Array(32);
  #run: RunView | undefined;
  #seen = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
  }

  begin(run: RunView): boolean {
    this.#chance.begin(run.index);
    this.#run = run;
    this.#seen = 0;
    for (let t = 0; t < run.threads; t++) this.#priority[t] = this.#chance.unit();
    return true;
  }

  choose(enabled: number): number {
    const run = this.#run as RunView;
    for (; this.#seen < run.steps; this.#seen++) this.#redraw(run, this.#seen);
    let best = -1;
    let most = -1;
    for (let rest = enabled; rest !== 0; rest &= rest - 1) {
      const t = 31 - Math.clz32(rest & -rest);
      if ((this.#priority[t] as number) > most) {
        most = this.#priority[t] as number;
        best = t;
      }
    }
    return best;
  }

  end(): void {}

  #redraw(run: RunView, step: number): void {
    const ran = run.stepThread[step] as number;
    const point = run.stepPoint[step];
    for (let t = 0; t < run.threads; t++) {
      const pending = run.pending[t];
      if (pending === undefined || point === undefined) continue;
      if (t === ran || touches(pending, point)) this.#priority[t] = this.#chance.unit();
    }
  }
}

/** Whether two operations are on the same bytes, and not both mere loads. */
function touches(p: Point, q: Point): boolean {
  return p.at < q.at + q.size && q.at < p.at + p.size && !(p.op === LOAD && q.op === LOAD);
}
