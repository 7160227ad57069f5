/** Every race of the catalogue: the buggy variant fails as it should, and the fixed one does not fail at all. */
import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.ts';
import { RACES } from '../../src/races/index.ts';
import { runNamedSchedule, stepNames } from '../../src/races/named-schedule.ts';
import { story } from '../exploring.ts';

/**
 * Fixed variants with so many schedules that all of them take minutes (45,988 for mask-removes-route, 352,516 for
 * flush-before-unhook, more for cache-hit-vs-discard): here, every schedule of up to two preemptions.
 */
const LARGE = ['mask-removes-route', 'flush-before-unhook', 'cache-hit-vs-discard'];

describe.each(RACES)('$number $slug', (race) => {
  test('the buggy variant fails under its schedule, with its symptom', () => {
    const { failure, skipped } = runNamedSchedule(race, 'buggy');
    expect(skipped).toEqual([]);
    expect(failure?.kind, JSON.stringify(failure?.message)).toBe(race.kind);
    expect(failure?.preemptions).toBe(race.schedule.split('!').length - 1);
  });

  test('the fixed variant passes under the same schedule', () => {
    const { failure, skipped } = runNamedSchedule(race, 'fixed');
    expect(failure?.message).toBeUndefined();
    // It is stopped where the buggy one is: what comes after may be another step, or none.
    const [before = '', ...after] = race.schedule.split('!');
    if (after.length > 0) expect(skipped).not.toContain(stepNames(before).at(-1));
    else expect(skipped).not.toContain(stepNames(before)[0]);
  });

  test('the buggy variant is found without it, and is minimal', () => {
    const result = explore(race.buggy, { seconds: 5, timeouts: 'never' });
    expect(result.failure, story(result)).toMatchObject({
      kind: race.kind,
      preemptions: race.preemptions,
      minimal: 'proved',
    });
  });

  test('that many preemptions are enough, and one less is not', () => {
    const within = (preemptions: number) =>
      explore(race.buggy, { strategy: 'dfs', preemptions, seconds: 20, shrink: false, timeouts: 'never' });
    expect(within(race.preemptions).failure?.kind).toBe(race.kind);
    if (race.preemptions === 0) return;
    expect(within(race.preemptions - 1)).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('the fixed variant passes', { timeout: 120_000 }, () => {
    const bounded = LARGE.includes(race.slug);
    const search = bounded ? ({ strategy: 'dfs', preemptions: 2 } as const) : ({ strategy: 'dpor' } as const);
    const result = explore(race.fixed, { ...search, seconds: 100, timeouts: 'never' });
    expect(story(result)).toBe('');
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
  });
});
