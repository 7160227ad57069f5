import { NOTIFY } from '../running/operation.ts';
import type { Simulation } from '../running/simulation.ts';
import { byDefault } from '../search/schedule.ts';
import type { RunView, Strategy } from '../search/strategies/strategy.ts';

/** By address of a word: the threads seen to notify its waiters, as bits. */
export type Notifiers = ReadonlyMap<number, number>;

/** Enough for a thread to pass the waits before its notify; few enough that a loop of sleeps soon ends. */
const PRETENDED_WAKEUPS = 8;

const known = new WeakMap<Simulation, Notifiers>();

/**
 * Learns which threads notify on which words, from schedules in which each thread in turn goes first: once as the
 * program runs; once with every wait answered as if notified, for threads that sleep in every schedule. A schedule at a
 * standstill cannot tell, because the thread that should notify has not reached its notify. Runs schedules, once for
 * each simulation.
 */
export function learnNotifiers(simulation: Simulation): Notifiers {
  const learnt = known.get(simulation);
  if (learnt !== undefined) return learnt;
  const notifiers = new Map<number, number>();
  known.set(simulation, notifiers);
  for (const wakeups of [0, PRETENDED_WAKEUPS]) {
    for (let first = 0; first < simulation.simulator.threads; first++)
      learnFrom(simulation, new OneFirst(first, wakeups), notifiers);
  }
  return notifiers;
}

function learnFrom({ simulator }: Simulation, strategy: Strategy, notifiers: Map<number, number>): void {
  simulator.run(strategy, 0);
  for (let i = 0; i < simulator.steps; i++) {
    const point = simulator.stepPoint[i];
    if (point?.op !== NOTIFY) continue;
    notifiers.set(point.at, (notifiers.get(point.at) ?? 0) | (1 << (simulator.stepThread[i] as number)));
  }
}

/** The findings of {@link learnNotifiers}; empty before any call. */
export function notifiersOf(simulation: Simulation): Notifiers {
  return known.get(simulation) ?? new Map();
}

/** Lets one thread go first, and the others when that thread cannot go on. */
class OneFirst implements Strategy {
  readonly name = 'one first';
  readonly everyStep = true;
  readonly watches = true;
  readonly pretendedWakeups: number;
  readonly #first: number;

  constructor(first: number, pretendedWakeups: number) {
    this.#first = first;
    this.pretendedWakeups = pretendedWakeups;
  }

  begin(_run: RunView): boolean {
    return true;
  }

  choose(enabled: number, current: number): number {
    return (enabled & (1 << this.#first)) !== 0 ? this.#first : byDefault(enabled, current);
  }

  end(): void {}
}
