import type { GuestExploreResult } from '../guest-explore/index.ts';
import { laneLines } from './guest-explore-text.ts';
import { repeatCard } from './html/copy.ts';
import { escaped } from './html/markup.ts';
import { page } from './html/page.ts';
import { count } from './units.ts';

/** The result of `irqloom explore --guest` as one self-contained page. @param repeat - the command that repeats a failure */
export function guestExploreHtml(result: GuestExploreResult, repeat: string | undefined): string {
  const { guest, failure, statement, schedules, schedulesPerSecond, instructions, seed, strategy } = result;
  const card = (title: string, lines: readonly string[]) =>
    `<section class="card wide"><h3>${escaped(title)}</h3><div class="scroll" tabindex="0" role="region" aria-label="${escaped(title)}"><pre>${escaped(lines.join('\n'))}</pre></div></section>`;
  return page({
    title: `${guest}: ${failure?.kind ?? 'no failure found'}`,
    text: failure ? `In one schedule of the guest's vCPUs: ${failure.message}.` : `${statement}.`,
    verdict: failure
      ? { text: failure.message, kind: 'bad' }
      : { text: 'no failure was found', kind: 'warn' },
    tiles: [
      { name: 'schedules', value: count(schedules), more: `${count(schedulesPerSecond)}/s` },
      { name: 'instructions', value: count(instructions) },
      ...(failure ? [{ name: 'preemptions', value: String(failure.preemptions) }] : []),
    ],
    parts: failure
      ? [
          {
            title: 'The schedule',
            text: 'A column for each vCPU and each part around them, time running down.',
            cards: [card('Turns', laneLines(failure.lanes)), repeatCard(failure.token, repeat)],
          },
          ...(failure.console.length > 0
            ? [{ title: 'The console', cards: [card('From the moment on', failure.console)] }]
            : []),
        ]
      : [],
    notes: [`strategy ${strategy}, seed ${seed}; ${statement}`],
  });
}
