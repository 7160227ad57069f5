import type { ExploreResult, Failure } from '../explore/index.ts';
import type { ConfirmedResult } from '../explore/real/confirm.ts';
import type { WhatIf } from '../explore/telling/what-if.ts';
import { shortSite } from './explore-columns.ts';
import { confirmationText } from './explore-text.ts';
import { repeatCard } from './html/copy.ts';
import { tableCard } from './html/figure.ts';
import { LANES_LOOK, laneDiagram } from './html/lanes.ts';
import { escaped } from './html/markup.ts';
import { type Page, page } from './html/page.ts';
import { stepperCard } from './html/stepper.ts';
import { STEPPER_SCRIPT } from './html/stepper-script.ts';
import { count, plural, rate } from './units.ts';

/** The meaning of each kind of failure, for a reader who meets the name for the first time. */
const MEANING: Readonly<Record<Failure['kind'], string>> = {
  assertion: 'a check of the program itself did not hold',
  exception: 'a thread threw an error',
  deadlock: 'threads wait for each other in a ring, and none can go on',
  'lost-wakeup': 'a notify came before its sleeper slept, and no thread notifies again',
  'missed-notify': 'a word was changed, and no thread notified its sleeper afterwards',
  'misdirected-notify': 'a notify woke a thread that could not use it; the thread that could still sleeps',
  'orphan-wait': 'a thread sleeps, and every thread that could wake it has ended',
  livelock: 'threads go on without end, and get nowhere',
  'stuck-spin': 'a thread looks again and again at a word that no thread will change',
  'step-limit': 'the schedule did not end within the limit of steps',
  nondeterminism: 'the program took other steps in a second run with the same answers',
  'data-race': 'two threads touch the same bytes, one of them writes, and nothing orders the two',
};

/**
 * The result of `irqloom explore` as one self-contained page.
 * @param repeat - the whole command that repeats a failure
 * @param whatIf - the failing schedule step by step; without `whatIf` the page has no card to step through
 */
export function exploreHtml(
  result: ExploreResult | ConfirmedResult,
  repeat: string | undefined,
  whatIf?: WhatIf,
): string {
  const { scenario, failure, verdict, schedules, steps, seconds, strategy, seed, coverage } = result;
  return page({
    title: `${scenario}: ${failure?.kind ?? verdict}`,
    text:
      failure === undefined
        ? `${coverage.statement}.`
        : `In some order of its threads' operations, ${MEANING[failure.kind]}.`,
    verdict:
      failure !== undefined
        ? { text: failure.message, kind: 'bad' }
        : verdict === 'pass'
          ? { text: result.exhausted ? 'holds in every order' : 'no failure was found', kind: 'good' }
          : { text: 'time was over before the search was', kind: 'warn' },
    tiles: [
      ...(failure === undefined ? [] : failureTiles(failure)),
      {
        name: 'schedules run',
        value: count(schedules),
        more: `${rate(schedules / seconds)} in ${seconds.toFixed(2)} s`,
      },
      { name: 'steps', value: count(steps) },
    ],
    parts: [...(failure === undefined ? [] : failureParts(failure, repeat, whatIf)), ...outcomeParts(result)],
    notes: [
      `strategy ${strategy}, seed ${seed}. ${coverage.statement}.`,
      ...('confirmed' in result ? [confirmationText(result)] : []),
    ],
    ...(failure === undefined ? {} : { script: STEPPER_SCRIPT }),
  });
}

function failureTiles({ steps, preemptions, minimal, threads }: Failure): Page['tiles'] {
  const proof = minimal === 'proved' ? 'proved: no fewer will do' : 'the fewest that were found';
  return [
    { name: 'steps of the failing schedule', value: count(steps), more: plural(threads.length, 'thread') },
    { name: 'preemptions', value: count(preemptions), more: proof },
  ];
}

function failureParts(failure: Failure, repeat: string | undefined, whatIf?: WhatIf): Page['parts'] {
  const { trace, threads, steps, sites, token, stack } = failure;
  const left = steps - trace.length;
  // A thread that did nothing, and could have, is not in the picture.
  const acting = threads.filter(
    ({ name, state }) => state !== 'runnable' || trace.some(({ thread }) => thread === name),
  );
  const idle = threads.length - acting.length;
  const cards = whatIf === undefined ? [] : [stepperCard(whatIf)];
  if (trace.length > 0) {
    cards.push(
      `<style>${LANES_LOOK}</style><section class="card wide" id="lanes"><h3>One lane for each thread, time runs down</h3><p>A box is one operation on shared memory, with the line of source that did it; between two boxes of a thread runs only its own code. “Stopped here”: the thread could have gone on, and another was let in. A broken lane waits for its turn, a dotted one sleeps. Boxes with a red edge are the lines that the verdict names.${left > 0 ? ` The first ${plural(left, 'step')} are left out.` : ''}${idle > 0 ? ` ${plural(idle, 'thread')} did nothing yet, and ${idle === 1 ? 'has' : 'have'} no lane.` : ''}</p>${laneDiagram(acting, trace, left + 1, sites)}</section>`,
    );
  }
  const lines = sites.map((site) => `<li><code>${escaped(shortSite(site))}</code></li>`).join('');
  if (lines !== '')
    cards.push(`<section class="card" id="sites"><h3>Lines responsible</h3><ul>${lines}</ul></section>`);
  cards.push(repeatCard(token, repeat));
  if (stack !== undefined) {
    cards.push(
      `<section class="card wide" id="stack"><h3>The thrown error</h3><div class="scroll" tabindex="0" role="region" aria-label="The stack"><pre>${escaped(ownFrames(stack))}</pre></div></section>`,
    );
  }
  return [{ title: 'The schedule that fails', cards }];
}

function outcomeParts({ outcomes }: ExploreResult): Page['parts'] {
  if (outcomes === undefined) return [];
  const rows = Object.entries(outcomes).map(([outcome, times]) => [outcome, count(times)]);
  return [
    {
      title: 'Outcomes',
      cards: [
        tableCard('outcomes', 'How often each was seen', 'Over all schedules that were run.', {
          head: ['outcome', 'schedules'],
          rows,
        }),
      ],
    },
  ];
}

/** A stack down to where the explorer called the thread. */
function ownFrames(stack: string): string {
  const lines = stack.split('\n');
  const end = lines.findIndex((line) =>
    /^\s+at .*[/\\]src[/\\]explore[/\\](?:loading|running)[/\\]/.test(line),
  );
  return (end < 0 ? lines : lines.slice(0, end)).join('\n');
}
