import type { Simulator } from '../running/simulator.ts';
import { hasFewStates } from './few-states.ts';
import type { RunEnd, RunView, Strategy } from './strategies/strategy.ts';

/** How often one word was used in a run. */
type WordUse = {
  readonly at: number;
  readonly size: number;
  readonly total: number;
  readonly byThread: readonly number[];
};

/**
 * The operations of one schedule that runs the threads one after the other: several strategies weigh their
 * choices by these counts.
 */
export type Profile = {
  /** Operations by thread. */
  readonly operations: Int32Array;
  readonly steps: number;
  /** Steps where more than one thread could go on. */
  readonly choices: number;
  readonly words: readonly WordUse[];
  readonly end: RunEnd;
  /** States seem to be far fewer than classes of schedules; see few-states.ts. */
  readonly fewStates: boolean;
};

/**
 * Runs the threads one after the other, the last one first, and counts their operations. The papers name no
 * order for counting; with this order, the samplers come nearest to the reference means of the self-test.
 */
export function takeProfile(simulator: Simulator): Profile {
  const strategy = new InTurn();
  const end = simulator.run(strategy, 0) ?? 'ended';
  const words = new Map<number, { at: number; size: number; total: number; byThread: number[] }>();
  for (let step = 0; step < simulator.steps; step++) {
    const point = simulator.stepPoint[step];
    const thread = simulator.stepThread[step];
    if (point === undefined || thread === undefined) continue;
    // Words of different width over the same bytes are one word here: the first that was used.
    let word = words.get(point.at);
    if (word === undefined) {
      word = {
        at: point.at,
        size: point.size,
        total: 0,
        byThread: new Array<number>(simulator.threads).fill(0),
      };
      words.set(point.at, word);
    }
    word.total++;
    word.byThread[thread] = (word.byThread[thread] ?? 0) + 1;
  }
  return {
    operations: simulator.done.slice(),
    steps: simulator.steps,
    choices: strategy.choices,
    words: [...words.values()],
    end,
    fewStates: end === 'ended' && hasFewStates(simulator),
  };
}

class InTurn implements Strategy {
  readonly name = 'in turn';
  readonly everyStep = true;
  readonly watches = true;
  choices = 0;

  begin(_run: RunView): boolean {
    this.choices = 0;
    return true;
  }

  choose(enabled: number, current: number): number {
    if ((enabled & (enabled - 1)) !== 0) this.choices++;
    return current >= 0 && (enabled & (1 << current)) !== 0 ? current : 31 - Math.clz32(enabled);
  }

  end(): void {}
}
