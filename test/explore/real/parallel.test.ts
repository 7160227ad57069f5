import { describe, expect, test } from 'vitest';
import { type ExploreOptions, type ExploreResult, exploreChecked } from '../../../src/explore/index.ts';
import { exploreInParallel } from '../../../src/explore/real/parallel.ts';
import { fixture, litmus, type Sourced } from './sources.ts';

/** All of a result that does not depend on the clock, or on where this runner loads its modules from. */
function answer({
  seconds: _,
  schedulesPerSecond: __,
  stepsPerSecond: ___,
  failure,
  coverage: { etaSeconds: _______, statement, ...coverage },
  ...rest
}: ExploreResult): unknown {
  const { stack: ____, sites: _____, trace, threads, ...said } = failure ?? { trace: [], threads: [] };
  const steps = trace.map(({ site: ______, callers: _______, ...step }) => step);
  const known = { ...coverage, statement: statement.replace(/, the rest would take [^;]*/, '') };
  return {
    ...rest,
    coverage: known,
    failure: { ...said, steps, threads: threads.map(({ site: ________, ...end }) => end) },
  };
}

const CASES: readonly (readonly [string, ExploreOptions])[] = [
  ['reorder-9+1', { strategy: 'random', seed: 4, shrink: false }],
  ['reorder-3+1', { strategy: 'pct', all: true, schedules: 9000 }],
  ['reorder-4+1', { strategy: 'urw', seed: 5 }],
  ['add-2x10', { strategy: 'surw', schedules: 12_345 }],
  ['lastzero-4', {}],
  ['bluetooth', { strategy: 'dfs', all: true }],
  ['futex-mutex-3', { schedules: 3000 }],
  ['lost-update-2x2', {}],
  ['deadlock01', { seed: 9, strategy: 'pos' }],
  ['reorder-3+1', { strategy: 'random', schedules: 9000, all: true, shard: { index: 1, count: 3 } }],
  ['lastzero-4', { strategy: 'dfs' }],
  ['lastzero-4', { strategy: 'dfs', schedules: 1000 }],
  ['lastzero-3', { strategy: 'dfs', delays: 3 }],
  ['add-3x2', { strategy: 'dfs', preemptions: 1 }],
  ['add-2x2', { strategy: 'dfs', preemptions: 9 }],
  ['reorder-3+1', { strategy: 'dfs' }],
  ['reorder-3+1', { strategy: 'dfs', preemptions: 1, shrink: false }],
  ['reorder-3+1', { strategy: 'dfs', all: true }],
  ['reorder-3+1', { strategy: 'dfs', all: true, shrink: false, shard: { index: 2, count: 3 } }],
  ['futex-lost-wakeup', { strategy: 'dfs' }],
  ['lost-update-2x3', { strategy: 'dfs', preemptions: 2, shard: { index: 1, count: 2 } }],
  ['add-2x2', { strategy: 'dfs', shard: { index: 9, count: 10 } }],
  ['futex-mutex-2', { shard: { index: 0, count: 2 } }],
  ['futex-mutex-2', { strategy: 'dpor' }],
  ['lost-update-2x3', { strategy: 'dpor', all: true }],
  ['reorder-3+1', { strategy: 'dpor', all: true, shrink: false }],
  ['reorder-3+1', { strategy: 'dpor', shrink: false }],
  ['lastzero-4', { strategy: 'dpor', schedules: 20 }],
  ['lost-update-2x2', { strategy: 'dpor', all: true, shard: { index: 1, count: 3 } }],
];

describe('the answer is the same, whatever the number of jobs', () => {
  test.each(CASES)('%s %o', async (name, options) => {
    const { scenario, source } = litmus(name);
    const one = exploreChecked(scenario, options);
    for (const jobs of [2, 5]) {
      const several = await exploreInParallel(scenario, source, options, jobs);
      expect(answer(several)).toEqual(answer(one));
    }
  });

  test('another seed gives another answer', async () => {
    const { scenario, source } = litmus('reorder-9+1');
    const [a, b] = await Promise.all(
      [1, 2].map((seed) =>
        exploreInParallel(scenario, source, { strategy: 'random', seed, shrink: false }, 2),
      ),
    );
    expect(a?.foundAt).not.toBe(b?.foundAt);
  });
});

describe('what goes wrong', () => {
  const explore = ({ scenario, source }: Sourced, options: ExploreOptions = {}) =>
    exploreInParallel(scenario, source, options, 2);

  test('a thread that never ends is a verdict', async () => {
    expect(await explore(await fixture('never-ends.mjs'), { hangSeconds: 0.3 })).toMatchObject({
      verdict: 'fail',
      failure: { kind: 'livelock' },
    });
  });

  test('outcomes are put together', async () => {
    const { scenario, source } = await fixture('outcomes.mjs');
    const one = exploreChecked(scenario, { strategy: 'random', schedules: 10_000 });
    expect((await explore({ scenario, source }, { strategy: 'random', schedules: 10_000 })).outcomes).toEqual(
      one.outcomes,
    );
    expect(Object.keys(one.outcomes ?? {})).toHaveLength(3);
  });

  test('an error in a thread keeps its code', async () => {
    const { scenario } = litmus('add-2x10');
    const source = {
      module: new URL('../../../dist/src/races/litmus/names.js', import.meta.url).href,
      name: 'nothing',
    };
    await expect(explore({ scenario, source })).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringMatching(/exports nothing called "nothing"/),
    });
  });

  test('time that is over is said', async () => {
    const sourced = litmus('futex-mutex-3');
    expect(await explore(sourced, { strategy: 'dpor', seconds: 0.2 })).toMatchObject({
      verdict: 'unknown',
      exhausted: false,
    });
  });
});
