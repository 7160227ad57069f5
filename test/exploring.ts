/** What tests of explored scenarios say again and again. */
import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';
import {
  type ExploreOptions,
  type ExploreResult,
  explore,
  exploreChecked,
  type Failure,
  type FailureKind,
  loadScenario,
  type Scenario,
} from '../src/explore/index.ts';

/**
 * Schedules in which `auto` has to find what is wrong with a mutated source. The slowest of them takes a third of a
 * millisecond, so that is well below 2 seconds; counted, because a clock would fail on a busy machine. What each takes is
 * measured by `npm run bench -- mutations`.
 */
const FIND_SCHEDULES = 5000;

/** The bounds of waits are for threads that die. Here none does, so a wait that only its bound ends is a failure. */
const timeouts = 'never';

const EVERY: ExploreOptions = { strategy: 'dpor', seconds: 40, shrink: false, timeouts };

/** Runs every schedule, up to the order of independent steps; each has to pass. Returns the result, for its count. */
export function passesEvery<S>(scenario: Scenario<S>, options: ExploreOptions = {}): ExploreResult {
  return mustPassEvery(explore(scenario, { ...EVERY, ...options }));
}

/** The same of a scenario file: its plain accesses are steps, also to views that it makes itself. */
export async function passesEveryOfFile(
  file: string,
  options: Parameters<typeof loadScenario>[1],
): Promise<ExploreResult> {
  return mustPassEvery(exploreChecked(await loadScenario(file, options), EVERY));
}

function mustPassEvery(result: ExploreResult): ExploreResult {
  expect(story(result)).toBe('');
  expect(result, `${result.bounded}: ${result.coverage.statement}`).toMatchObject({
    verdict: 'pass',
    exhausted: true,
  });
  report(result, 'all');
  return result;
}

/** Runs schedules up to a stated bound; each has to pass, and the bound has to be reached before the time is up. */
export function passesWithin<S>(scenario: Scenario<S>, options: ExploreOptions): ExploreResult {
  const result = explore(scenario, { seconds: 60, shrink: false, timeouts, ...options });
  expect(story(result)).toBe('');
  expect(result.verdict === 'pass' || result.schedules === options.schedules, result.coverage.statement).toBe(
    true,
  );
  report(result, JSON.stringify(options));
  return result;
}

/** `auto` has to find soon what is wrong, and it has to be of that kind. */
export function isCaught<S>(
  scenario: Scenario<S>,
  kind: FailureKind | readonly FailureKind[],
  options: ExploreOptions = {},
): Failure {
  const result = explore(scenario, {
    schedules: FIND_SCHEDULES,
    shrink: false,
    timeouts,
    ...options,
  });
  report(result, `found at ${result.foundAt ?? '-'}`);
  record(result);
  expect(result.verdict, result.coverage.statement).toBe('fail');
  const { failure } = result;
  if (failure === undefined) throw new Error('a failing result has a failure');
  expect([kind].flat(), story(result)).toContain(failure.kind);
  return failure;
}

/** A failing result as text, a step a line; empty for one that passed. */
export function story({ failure }: ExploreResult): string {
  if (failure === undefined) return '';
  const steps = failure.trace.map(
    ({ thread, op, target, value, result, site, preempted }) =>
      `${preempted ? '!' : ' '} ${thread} ${op} ${target} ${JSON.stringify(value)} = ${JSON.stringify(result)} ${site.split('/').slice(-2).join('/')}`,
  );
  return [`${failure.kind}: ${failure.message}`, failure.token, ...steps].join('\n');
}

/** With MUTATIONS=file in the environment: adds a line of JSON to it, for the benchmark of that name. */
function record({ scenario, verdict, foundAt, schedules, seconds, failure }: ExploreResult): void {
  const { MUTATIONS: file } = process.env;
  if (file === undefined) return;
  const { currentTestName: name = scenario } = expect.getState();
  const found = { found: verdict === 'fail', schedules: foundAt ?? schedules, ms: 1000 * seconds };
  appendFileSync(file, `${JSON.stringify({ name, scenario, ...found, kind: failure?.kind ?? null })}\n`);
}

/** With EXPLORED=1 in the environment: what was run, to see the counts. */
function report(result: ExploreResult, bound: string): void {
  if (process.env.EXPLORED !== '1') return;
  const { scenario, verdict, exhausted, schedules, steps, seconds } = result;
  const each = schedules === 0 ? 0 : Math.round(steps / schedules);
  process.stderr.write(
    `${scenario}: ${verdict}${exhausted ? ' exhausted' : ''} ${schedules} schedules of ${each} steps in ${seconds.toFixed(2)} s (${bound}) ${result.failure?.kind ?? ''}\n`,
  );
}

/** Shards of a search have each schedule once, and fail as often together. Returns the whole search, and its shards. */
export function addsUpInShards<S>(
  scenario: Scenario<S>,
  options: ExploreOptions,
  count: number,
): { readonly whole: ExploreResult; readonly shards: readonly ExploreResult[] } {
  const whole = explore(scenario, options);
  const shards = Array.from({ length: count }, (_, index) =>
    explore(scenario, { ...options, shard: { index, count } }),
  );
  const sum = (of: 'schedules' | 'steps' | 'failures') =>
    shards.reduce((all, shard) => all + (shard[of] ?? 0), 0);
  const { schedules, steps, failures } = whole;
  expect({ schedules: sum('schedules'), steps: sum('steps'), failures: sum('failures') }).toEqual({
    schedules,
    steps,
    failures,
  });
  expect(shards.every(({ exhausted }) => exhausted)).toBe(true);
  return { whole, shards };
}
