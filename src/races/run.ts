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
  /** For each variant of each race, at most; and as much for the free runs. */
  readonly seconds: number;
  /** How often uncontrolled real threads run the buggy variant; 0 for not at all. */
  readonly runs: number;
};

/** How often plain luck meets the bug: runs of free threads, and those of them that failed. */
type FreeHits = { readonly runs: number; readonly hits: number };

/** The fixed variant: what was run of it, and how that ended. */
type FixedResult = {
  readonly verdict: ExploreResult['verdict'];
  /** Every schedule was run, up to the order of steps that do not conflict. */
  readonly exhausted: boolean;
  readonly schedules: number;
  /** How much that is, as a sentence. */
  readonly explored: string;
};

/** What was seen of a race. */
export type RaceResult = {
  readonly slug: string;
  readonly number: number;
  /** The buggy variant failed, with the symptom that it should have. */
  readonly found: boolean;
  /** Schedules run until it did; all that were run where it did not. */
  readonly schedules: number;
  /** The strategy that found it; null where none did. */
  readonly strategy: string | null;
  readonly preemptions: number | null;
  readonly minimal: Failure['minimal'] | null;
  readonly kind: Failure['kind'] | null;
  readonly expectedKind: Failure['kind'];
  readonly token: string | null;
  /** Left out where no free runs were asked for. */
  readonly free?: FreeHits;
  readonly fixed: FixedResult;
};

/** A race that was run, with the failing schedule to show. */
export type RaceRun = { readonly race: Race; readonly result: RaceResult; readonly failure?: Failure };

/** Where threads find the variants. They start from `dist`, for Node 20 cannot start one from TypeScript. */
const NAMES = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/src/races/names.js', import.meta.url)
  : new URL('names.js', import.meta.url);

/** The most preemptions of the bounded search of a fixed variant that is too large to be exhausted. */
const BOUND = 2;

/** The bounds of waits are for threads that die. Here none does, so a wait that only its bound would end is a failure. */
const timeouts = 'never';

/** Looks for the buggy variant's failure without a hint, and for one of the fixed variant, which should have none. */
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

/** Runs the buggy variant in real threads, as they come. */
async function runFreely(race: Race, { seed, seconds, runs }: RaceOptions): Promise<FreeHits> {
  const name = variantName(race.slug, 'buggy');
  const source: ScenarioSource = { module: NAMES.href, name: 'findVariant', arguments: [name] };
  const free = await runFree(checkScenario(race.buggy), source, { seed, seconds, runs });
  return { runs: free.runs, hits: free.failures };
}

/** All schedules; or where that takes too long, those within a bound. */
function exploreFixed(scenario: Scenario, { seed, seconds }: RaceOptions): FixedResult {
  const all = explore(scenario, { strategy: 'dpor', seed, seconds, timeouts });
  if (all.verdict !== 'unknown') return fixedResult(all);
  return fixedResult(explore(scenario, { strategy: 'dfs', preemptions: BOUND, seed, seconds, timeouts }));
}

function fixedResult({ verdict, exhausted, schedules, strategy, coverage }: ExploreResult): FixedResult {
  return { verdict, exhausted: exhausted && strategy === 'dpor', schedules, explored: coverage.statement };
}
