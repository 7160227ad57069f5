import type { Failure } from '../explore/index.ts';
import { ORACLES } from '../races/oracles.ts';
import { variantName } from '../races/race.ts';
import { heldUp, type RaceRun } from '../races/run.ts';
import { copyButton } from './html/copy.ts';
import { tableCard } from './html/figure.ts';
import { LANES_LOOK, laneDiagram } from './html/lanes.ts';
import { escaped } from './html/markup.ts';
import { page } from './html/page.ts';
import { fixedCell, freeCell, kindText } from './races-text.ts';
import { count, plural } from './units.ts';

/** The catalogue of races after a run: one HTML file, with the story and the failing schedule of each. */
export function racesHtml(runs: readonly RaceRun[], seed: number, seconds: number): string {
  const held = runs.filter(({ result }) => heldUp(result)).length;
  const all = held === runs.length;
  return page({
    title: all ? 'Every bug was found, every fix held' : 'A race is not as the catalogue says',
    text: 'Each race is two small programs: one with the race, in which the explorer looks for the failure without a hint, and one without.',
    verdict: {
      kind: all ? 'good' : 'bad',
      text: `${held} of ${plural(runs.length, 'race')}: the bug found with its symptom, and the fix held`,
    },
    tiles: [
      { name: 'races', value: count(runs.length) },
      { name: 'bugs found', value: count(runs.filter(({ result }) => result.found).length) },
      {
        name: 'fixes that held',
        value: count(runs.filter(({ result }) => result.fixed.verdict === 'pass').length),
        more: `${count(runs.filter(({ result }) => result.fixed.exhausted).length)} in every schedule`,
      },
    ],
    parts: [
      { title: 'The catalogue', cards: [catalogue(runs)] },
      {
        title: 'Race by race',
        text: 'The story of each, and the smallest schedule that fails: a lane for each thread, time runs down.',
        cards: runs.map((run, index) => `${index === 0 ? `<style>${LANES_LOOK}</style>` : ''}${card(run)}`),
      },
    ],
    notes: [`irqloom races, seed ${seed}, ${seconds.toFixed(1)} s.`],
  });
}

function catalogue(runs: readonly RaceRun[]): string {
  const withFree = runs.some(({ result }) => result.free !== undefined);
  return tableCard(
    'catalogue',
    'All races',
    `Schedules: run until the buggy variant failed. Preemptions: the fewest that a failure takes.${withFree ? ' Free threads: how often real threads hit the bug when nobody chooses their schedule.' : ''}`,
    {
      narrow: ['race', 'as told', 'symptom'],
      head: [
        'race',
        'as told',
        'symptom',
        'schedules',
        'preemptions',
        'fixed variant',
        ...(withFree ? ['free threads'] : []),
      ],
      rows: runs.map(({ result }) => [
        result.slug,
        heldUp(result) ? 'yes' : 'no',
        result.kind === null
          ? `none, not ${result.expectedKind}`
          : kindText(result.kind, result.expectedKind),
        result.found ? count(result.schedules) : `not in ${count(result.schedules)}`,
        result.preemptions === null ? '–' : String(result.preemptions),
        fixedCell(result.fixed),
        ...(withFree ? [freeCell(result.free)] : []),
      ]),
    },
  );
}

function card({ race, result, failure }: RaceRun): string {
  const facts = [
    ['symptom', race.symptom],
    ['where', race.reference],
    ['must hold', `${race.oracle}: ${ORACLES[race.oracle]}`],
    ['fixed by', race.fix],
    ['lesson', race.lesson],
    ['the fixed variant', `${result.fixed.verdict}; ${result.fixed.explored}`],
  ];
  const list = facts
    .map(([name = '', text = '']) => `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`)
    .join('');
  const verdict = heldUp(result)
    ? '<span class="verdict good">as told</span>'
    : '<span class="verdict bad">not as told</span>';
  return `<section class="card wide" id="race-${escaped(race.slug)}"><h3>${race.number}. ${escaped(race.slug)}: ${escaped(race.title)}</h3>${verdict}<p>${escaped(race.story)}</p><dl class="facts">${list}</dl>${failure === undefined ? `<p>The buggy variant did not fail in ${plural(result.schedules, 'schedule')}.</p>` : scheduleOf(failure, race.slug)}</section>`;
}

function scheduleOf(failure: Failure, slug: string): string {
  const { trace, threads, steps, sites, token, message } = failure;
  const acting = threads.filter(
    ({ name, state }) => state !== 'runnable' || trace.some(({ thread }) => thread === name),
  );
  const repeat = `npx irqloom replay ${token} ${variantName(slug, 'buggy')}`;
  return `<details><summary>The schedule that fails, ${plural(steps, 'step')}: ${escaped(message)}</summary>${laneDiagram(acting, trace, steps - trace.length + 1, sites, `The schedule of ${slug}`)}<p><code class="long">${escaped(repeat)}</code></p>${copyButton('Copy the command', repeat)}</details>`;
}
