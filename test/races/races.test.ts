/** Every race of the catalogue: the buggy variant fails as it should, and the fixed one does not fail at all. */
import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.ts';
import { RACES } from '../../src/races/index.ts';
import { runNamedSchedule } from '../../src/races/named-schedule.ts';
import { story } from '../exploring.ts';

describe.each(RACES)('$number $slug', (race) => {
  test('the buggy variant fails under its schedule, with its symptom', () => {
    const { failure, skipped } = runNamedSchedule(race, 'buggy');
    expect(skipped).toEqual([]);
    expect(failure?.kind, JSON.stringify(failure?.message)).toBe(race.kind);
    expect(failure?.preemptions).toBe(race.schedule.split('!').length - 1);
  });

  test('the fixed variant passes under the same schedule', () => {
    const { failure, skipped } = runNamedSchedule(race, 'fixed');
    if (process.env.EXPLORED === '1') process.stderr.write(`${race.slug} skipped ${skipped.join(' ')}\n`);
    expect(failure?.message).toBeUndefined();
  });

  test('the buggy variant is found without it, and is minimal', () => {
    const result = explore(race.buggy, { seconds: 5, timeouts: 'never' });
    if (process.env.EXPLORED === '1')
      process.stderr.write(`${race.slug} found at ${result.foundAt} ${result.seconds}\n`);
    expect(result.failure, story(result)).toMatchObject({
      kind: race.kind,
      preemptions: race.preemptions,
      minimal: 'proved',
    });
  });

  test('the fixed variant passes', () => {
    const result = explore(race.fixed, { strategy: 'dpor', seconds: 20, timeouts: 'never' });
    if (process.env.EXPLORED === '1')
      process.stderr.write(
        `${race.slug} fixed ${result.schedules} schedules of ${Math.round(result.steps / result.schedules)} in ${result.seconds} ${result.coverage.statement}\n`,
      );
    expect(story(result)).toBe('');
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
  });
});
