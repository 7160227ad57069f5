import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { withSimulation } from '../../src/explore/running/simulation.ts';
import { type Profile, takeProfile } from '../../src/explore/search/profile.ts';
import { type Bound, Dfs } from '../../src/explore/search/strategies/dfs.ts';
import type { Strategy } from '../../src/explore/search/strategies/strategy.ts';

const LIMITS = { maxSteps: 1000, timeouts: 'late' } as const;

export type Count = { schedules: number; failing: number; mostSteps: number; pruned: number };

/** Runs a strategy to its end, or for `most` schedules, and counts. */
export function count<S>(scenario: Scenario<S>, strategy: Strategy, most = Infinity): Count {
  return withSimulation(checkScenario(scenario), 1, LIMITS, ({ simulator }) => {
    const counted = { schedules: 0, failing: 0, mostSteps: 0, pruned: 0 };
    for (let i = 0; i < most; i++) {
      const how = simulator.run(strategy, i);
      if (how === undefined) break;
      if (how === 'pruned') {
        counted.pruned++;
        continue;
      }
      counted.schedules++;
      if (how !== 'ended') counted.failing++;
      counted.mostSteps = Math.max(counted.mostSteps, simulator.steps);
    }
    return counted;
  });
}

/** Schedules to the first failure: the mean over seeds, and the deviation of one seed. */
export type Wait = { readonly mean: number; readonly deviation: number; readonly seeds: number };

/** How many schedules a strategy takes to the first failure, over seeds 1 to n; at most 10,000 each. */
export function waitForFailure<S>(
  scenario: Scenario<S>,
  n: number,
  make: (seed: number, profile: Profile) => Strategy,
): Wait {
  return withSimulation(checkScenario(scenario), 1, LIMITS, ({ simulator }) => {
    const profile = takeProfile(simulator);
    let sum = 0;
    let squares = 0;
    for (let seed = 1; seed <= n; seed++) {
      const strategy = make(seed, profile);
      let i = 0;
      while (i < 10_000 && simulator.run(strategy, i++) === 'ended');
      sum += i;
      squares += i * i;
    }
    const mean = sum / n;
    return { mean, seeds: n, deviation: Math.sqrt((squares - n * mean * mean) / (n - 1)) };
  });
}

/** The least bound within which some schedule fails; -1 where none does up to `most`. */
export function leastBound<S>(scenario: Scenario<S>, kind: 'preemptions' | 'delays', most: number): number {
  for (let bound = 0; bound <= most; bound++) {
    if (count(scenario, new Dfs({ kind, most: bound } satisfies Bound)).failing > 0) return bound;
  }
  return -1;
}
