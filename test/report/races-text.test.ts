import { expect, test } from 'vitest';
import { RACES } from '../../src/races/index.ts';
import { heldUp, type RaceResult, type RaceRun } from '../../src/races/run.ts';
import { racesText, raceText } from '../../src/report/races-text.ts';

const [race] = RACES;
if (race === undefined) throw new Error('there are no races');

const found: RaceResult = {
  slug: race.slug,
  number: race.number,
  found: true,
  schedules: 1234,
  strategy: 'random',
  preemptions: 1,
  minimal: 'proved',
  kind: race.kind,
  expectedKind: race.kind,
  token: 'x1:a:b',
  free: { runs: 10_000, hits: 3 },
  fixed: { verdict: 'pass', exhausted: true, schedules: 17, explored: 'exhausted' },
};
const { free: _, ...withoutFree } = found;
const missed: RaceResult = {
  ...withoutFree,
  found: false,
  strategy: null,
  preemptions: null,
  minimal: null,
  kind: null,
  token: null,
};
const text = (...results: readonly RaceResult[]) =>
  racesText(
    results.map((result): RaceRun => ({ race, result })),
    5,
    1.25,
  );

test('a race is a line: the cost of its discovery, and the verdict on its fix', () => {
  expect(text(found)).toMatch(
    /^1 +check-then-halt +1,234 +random +1 +lost-wakeup +3 of 10,000 +pass, all \(17\)$/m,
  );
  expect(text(found)).toContain(
    '1 of 1 race: the bug found with its symptom, and the fix held; seed 5, 1.3 s',
  );
});

test('without free runs the table has no column of them', () => {
  expect(text(withoutFree)).not.toContain('free threads');
});

test('a bug that was not found, another symptom, and a fix that fails are said', () => {
  expect(heldUp(found)).toBe(true);
  expect(text(missed)).toContain('not in 1,234');
  expect(heldUp(missed)).toBe(false);
  expect(text({ ...found, kind: 'deadlock', found: false })).toContain('deadlock, not lost-wakeup');
  const broken: RaceResult = { ...found, fixed: { ...found.fixed, verdict: 'fail' } };
  expect(text(broken)).toContain('fail, all (17)');
  expect(heldUp(broken)).toBe(false);
  const bounded: RaceResult = { ...found, fixed: { ...found.fixed, exhausted: false } };
  expect(text(bounded)).toContain('pass, within 2 preemptions (17)');
  expect(text(missed, found)).toContain('1 of 2 races');
});

test('the story of a race whose bug was not found says so', () => {
  expect(raceText({ race, result: missed })).toContain('did not fail in 1,234 schedules');
});
