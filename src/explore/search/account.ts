import { sayClosureChanges } from '../telling/closures.ts';
import { sayMemoryModel } from '../telling/race-list.ts';
import type { ClosureChange, DataRace, ExploreResult } from '../telling/result.ts';
import { conclude, type Findings } from './conclusion.ts';
import type { ExploreOptions } from './explore-options.ts';

/** The counts of a search, in one thread or in several. */
export type Account = Omit<Findings, 'failed' | 'seconds' | 'randomWalk' | 'shard'> & {
  readonly scenario: { readonly name: string; readonly outcomes: object | undefined };
  readonly options: ExploreOptions;
  readonly seed: number;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly steps: number;
  readonly failures: number;
  /** Number of the first schedule that failed, and the strategy that found it; 0 and empty if none failed. */
  readonly foundAt: number;
  readonly foundBy: string;
  readonly dataRaces: readonly DataRace[];
  /** How often each outcome was met. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Plain accesses were steps of schedules. */
  readonly sawPlain: boolean;
  /** Variables of closures that threads change. */
  readonly closures: readonly ClosureChange[];
};

/** The result of a search. */
export function resultOf(account: Account): ExploreResult {
  const { scenario, options, schedules, steps, interrupted, dataRaces, foundAt, foundBy, closures } = account;
  const note = sayClosureChanges(closures);
  const failure =
    account.failure === undefined || note === ''
      ? account.failure
      : { ...account.failure, message: `${account.failure.message}. Note: ${note}` };
  const seconds = Math.max(1e-6, (account.endedMs - account.startedMs) / 1000);
  const { classes } = account.classes;
  const { verdict, exhausted, bounded, coverage } = conclude({
    ...account,
    failed: failure !== undefined && !options.all,
    seconds,
    randomWalk: options.strategy === 'random',
    shard: options.shard,
  });
  const every = account.sawPlain && verdict === 'pass' && bounded === null;
  const model = every ? `; ${sayMemoryModel(dataRaces)}` : '';
  return {
    scenario: scenario.name,
    strategy: options.strategy ?? 'auto',
    seed: account.seed,
    verdict,
    exhausted,
    bounded,
    ...(interrupted ? { interrupted: true as const } : {}),
    schedules,
    steps,
    ...(classes > 0 ? { classes } : {}),
    seconds,
    schedulesPerSecond: Math.round(schedules / seconds),
    stepsPerSecond: Math.round(steps / seconds),
    ...(options.all ? { failures: account.failures } : {}),
    ...(foundAt > 0 ? { foundAt } : {}),
    ...(foundBy === '' ? {} : { foundBy }),
    ...(failure === undefined ? {} : { failure }),
    dataRaces,
    ...(closures.length > 0 ? { closures } : {}),
    ...(scenario.outcomes === undefined ? {} : { outcomes: Object.fromEntries(account.outcomes) }),
    coverage: { ...coverage, statement: `${coverage.statement}${model}${note === '' ? '' : `; ${note}`}` },
  };
}
