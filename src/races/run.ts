import {
  checkScenario,
  type ExploreResult,
  explore,
  type Failure,
  type Scenario,
  type ScenarioSource,
} from '../explore/index.ts';
import { runFree } from '../explore/real/free.ts';
import { type Race, variantName } from './race.ts';

export type RaceOptions = {
  readonly seed: number;
  /** Time for each variant of each race, at most; and as much for the free runs. */
  readonly seconds: number;
  /** Runs of the buggy variant on uncontrolled threads; 0 for none. */
  readonly runs: number;
};

/** How often chance alone meets the bug: runs of free threads, and how many of them failed. */
type FreeHits = { readonly runs: number; readonly hits: number };

/** The fixed variant: how much was run, and the verdict. */
type FixedResult = {
  readonly verdict: ExploreResult['verdict'];
  /** Every schedule was run, up to the order of independent steps. */
  readonly exhausted: boolean;
  readonly schedules: number;
  /** The amount, as a sentence. */
  readonly explored: string;
};

/** The result of one race. */
export type RaceResult = {
  readonly slug: string;
  readonly number: number;
  /** The buggy variant failed with the expected symptom. */
  readonly found: boolean;
  /** Schedules up to the failure; without a failure, all schedules. */
  readonly schedules: number;
  /** The strategy that found the failure; null if none did. */
  readonly strategy: string | null;
  readonly preemptions: number | null;
  readonly minimal: Failure['minimal'] | null;
  readonly kind: Failure['kind'] | null;
  readonly expectedKind: Failure['kind'];
  readonly token: string | null;
  /** Left out if no free runs were requested. */
  readonly free?: FreeHits;
  readonly fixed: FixedResult;
};

/** A race after its run, with the failing schedule to show. */
export type RaceRun = { readonly race: Race; readonly result: RaceResult; readonly failure?: Failure };

/** The module in which threads find the variants, in `dist`: Node 20 cannot start a thread from TypeScript. */
const NAMES = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/src/races/names.js', import.meta.url)
  : new URL('names.js', import.meta.url);

/** The preemption bound for a fixed variant that is too large for an exhaustive search. */
const BOUND = 2;

/**
 * Bounds of waits are for threads that die. No thread dies here, so a wait that only its bound could end is a failure.
 */
const timeouts = 'never';

/**
 * Searches, without a hint, for the buggy variant's failure, and for a failure of the fixed variant, which has none.
 */
export async function runRace(race: Race, options: RaceOptions): Promise<RaceRun> {
  const { seed, seconds } = options;
  const buggy = explore(race.buggy, { seed, seconds, timeouts });
  const { failure } = buggy;
  const result: RaceResult = {
    slug: race.slug,
    number: race.number,
    found: failure?.kind === race.kind,
    schedules: buggy.foundAt ?? buggy.schedules,
    strategy: buggy.foundBy ?? null,
    preemptions: failure?.preemptions ?? null,
    minimal: failure?.minimal ?? null,
    kind: failure?.kind ?? null,
    expectedKind: race.kind,
    token: failure?.token ?? null,
    ...(options.runs > 0 ? { free: await runFreely(race, options) } : {}),
    fixed: exploreFixed(race.fixed, options),
  };
  return { race, result, ...(failure === undefined ? {} : { failure }) };
}

/** Whether a race is as the catalogue says: the bug was found, and the fix held. */
export function heldUp({ found, fixed }: RaceResult): boolean {
  return found && fixed.verdict === 'pass';
}

/** Runs the buggy variant on real threads, uncontrolled. */
async function runFreely(race: Race, { seed, seconds, runs }: RaceOptions): Promise<FreeHits> {
  const name = variantName(race.slug, 'buggy');
  const source: ScenarioSource = { module: NAMES.href, name: 'findVariant', arguments: [name] };
  const free = await runFree(checkScenario(race.buggy), source, { seed, seconds, runs });
  return { runs: free.runs, hits: free.failures };
}

/** Explores all schedules; if that takes too long, all schedules within a preemption bound. */
function exploreFixed(scenario: Scenario, { seed, seconds }: RaceOptions): FixedResult {
  const all = explore(scenario, { strategy: 'dpor', seed, seconds, timeouts });
  if (all.verdict !== 'unknown') return fixedResult(all);
  return fixedResult(explore(scenario, { strategy: 'dfs', preemptions: BOUND, seed, seconds, timeouts }));
}

function fixedResult({ verdict, exhausted, schedules, strategy, coverage }: ExploreResult): FixedResult {
  return { verdict, exhausted: exhausted && strategy === 'dpor', schedules, explored: coverage.statement };
}
