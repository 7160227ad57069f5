import { NOTIFY } from './operation.ts';
import { byDefault } from './schedule.ts';
import type { Simulation } from './simulation.ts';
import type { RunView, Strategy } from './strategies/strategy.ts';

/** By address of a word: the threads that were seen to notify who sleeps on it, as bits. */
export type Notifiers = ReadonlyMap<number, number>;

const known = new WeakMap<Simulation, Notifiers>();

/**
 * Which threads notify on which words, as far as it shows when each thread in turn goes first. A schedule that has come
 * to a standstill cannot tell: whoever should have notified has not come to it. Runs schedules, once for each simulation.
 */
export function learnNotifiers(simulation: Simulation): Notifiers {
  const learnt = known.get(simulation);
  if (learnt !== undefined) return learnt;
  const notifiers = new Map<number, number>();
  known.set(simulation, notifiers);
  const { simulator } = simulation;
  for (let first = 0; first < simulator.threads; first++) {
    simulator.run(new OneFirst(first), 0);
    for (let i = 0; i < simulator.steps; i++) {
      const point = simulator.stepPoint[i];
      if (point?.op !== NOTIFY) continue;
      notifiers.set(point.at, (notifiers.get(point.at) ?? 0) | (1 << (simulator.stepThread[i] as number)));
    }
  }
  return notifiers;
}

/** What {@link learnNotifiers} has found, where it has been called. */
export function notifiersOf(simulation: Simulation): Notifiers {
  return known.get(simulation) ?? new Map();
}

/** One thread goes first, and the others when it cannot. */
class OneFirst implements Strategy {
  readonly name = 'one first';
  readonly everyStep = true;
  readonly watches = true;
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  begin(_run: RunView): boolean {
    return true;
  }

  choose(enabled: number, current: number): number {
    return (enabled & (1 << this.#first)) !== 0 ? this.#first : byDefault(enabled, current);
  }

  end(): void {}
}
