import { ORACLES } from '../races/oracles.ts';
import { variantName } from '../races/race.ts';
import { heldUp, type RaceRun } from '../races/run.ts';
import { failureText } from './explore-text.ts';
import { table } from './table.ts';
import { textWidth, wrapped } from './text-width.ts';
import { count, plural } from './units.ts';

/** Columns of a story where the terminal has more. */
const MOST = 100;
const LABEL = 11;

/** The catalogue after a run, a line each. */
export function racesText(runs: readonly RaceRun[], seed: number, seconds: number): string {
  const withFree = runs.some(({ result }) => result.free !== undefined);
  const rows = runs.map(({ result }) => [
    String(result.number),
    result.slug,
    result.found ? count(result.schedules) : `not in ${count(result.schedules)}`,
    result.strategy ?? '–',
    result.preemptions === null
      ? '–'
      : `${result.preemptions}${result.minimal === 'proved' ? '' : ' or fewer'}`,
    result.kind === null ? `none, not ${result.expectedKind}` : kindText(result.kind, result.expectedKind),
    ...(withFree ? [freeCell(result.free)] : []),
    fixedCell(result.fixed),
  ]);
  const held = runs.filter(({ result }) => heldUp(result)).length;
  const lines = [
    table(
      [
        '#',
        'race',
        'schedules',
        'found by',
        'preemptions',
        'symptom',
        ...(withFree ? ['free threads'] : []),
        'fixed variant',
      ],
      rows,
      // The race and the verdict on its fix are never left out.
      withFree ? [4, 3, 2, 6, 0, 5] : [4, 3, 2, 0, 5],
    ),
    '',
    `schedules: run until the buggy variant failed, without a hint. preemptions: the fewest that a failure takes, proved unless said otherwise.`,
    ...(withFree
      ? ['free threads: how often real threads hit the bug when the operating system schedules them.']
      : []),
    `${held} of ${plural(runs.length, 'race')}: the bug found with its symptom, and the fix held; seed ${seed}, ${seconds.toFixed(1)} s`,
  ];
  return `${lines.join('\n')}\n`;
}

/** One race: its story, the findings, and the schedule that fails. */
export function raceText(run: RaceRun): string {
  const { race, result, failure } = run;
  const { fixed } = result;
  const lines = [
    `${race.number}. ${race.slug}: ${race.title}`,
    `${race.component}; ${race.symptom}`,
    '',
    ...wrap(race.story),
    '',
    ...labelled('where', race.reference),
    ...labelled('must hold', `${race.oracle}: ${ORACLES[race.oracle]}`),
    ...labelled('fixed by', race.fix),
    ...labelled('lesson', race.lesson),
    ...labelled('schedule', race.schedule),
    '',
    failure === undefined
      ? `the buggy variant did not fail in ${plural(result.schedules, 'schedule')}`
      : `the buggy variant failed at schedule ${count(result.schedules)}, by ${result.strategy ?? 'a search'}${failure.kind === race.kind ? '' : `; ${race.kind} was expected`}:`,
    '',
  ];
  if (failure !== undefined) {
    const repeat = `npx irqloom replay ${failure.token} ${variantName(race.slug, 'buggy')}`;
    lines.push(failureText(failure, repeat), '');
  }
  if (result.free !== undefined) lines.push(`free threads hit it in ${freeCell(result.free)} runs`, '');
  lines.push(`the fixed variant: ${fixed.verdict}; ${fixed.explored}`);
  return `${lines.join('\n')}\n`;
}

export function freeCell(free: RaceRun['result']['free']): string {
  return free === undefined ? '–' : `${count(free.hits)} of ${count(free.runs)}`;
}

export function kindText(kind: string, expected: string): string {
  return kind === expected ? kind : `${kind}, not ${expected}`;
}

export function fixedCell({ verdict, exhausted, schedules }: RaceRun['result']['fixed']): string {
  return `${verdict}, ${exhausted ? 'all' : 'within 2 preemptions'} (${count(schedules)})`;
}

function labelled(label: string, text: string): string[] {
  return wrap(text, LABEL).map((line, i) => `${(i === 0 ? label : '').padEnd(LABEL)}${line}`);
}

function wrap(text: string, indent = 0): string[] {
  return wrapped(text, Math.min(MOST, textWidth()) - indent);
}
