import type { TraceReplayResult } from '../recorded/index.ts';
import { isFaithful, type ThreadedRun } from '../recorded/replay/replay-result.ts';
import { tableCard } from './html/figure.ts';
import { type Part, page } from './html/page.ts';
import { count, plural, rate, time } from './units.ts';

/** The result of `irqloom replay-guest`: one HTML file. @param trace - the recording, as the user named it */
export function traceReplayHtml(result: TraceReplayResult, trace: string): string {
  const { events, cpus, reads, acknowledges, msis, delivered, seconds, eventsPerSecond, runs } = result;
  const ok = isFaithful(result);
  const differences = [...result.differences, ...(runs ?? []).flatMap((run) => run.differences)];
  return page({
    title: ok ? 'The machine answers as the guest was answered' : 'An answer differs from the recorded one',
    text: `${plural(events, 'event')} of a recorded guest with ${plural(cpus, 'vCPU')} (${trace}), ${runs ? 'on real threads' : 'one after the other'}.`,
    verdict: ok
      ? { kind: 'good', text: 'Every answer is the recorded one' }
      : { kind: 'bad', text: `${plural(reads.differ + acknowledges.differ, 'answer')} differ` },
    tiles: [
      { name: 'register reads', value: count(reads.checked), more: `${count(reads.differ)} differ` },
      {
        name: 'acknowledges',
        value: count(acknowledges.checked),
        more: `${count(acknowledges.differ)} differ`,
      },
      { name: 'delivered', value: count(delivered), more: `of ${plural(msis, 'MSI')} and wires` },
      { name: 'one replay', value: time(seconds * 1e9), more: rate(eventsPerSecond) },
    ],
    parts: [...differencePart(differences), ...runsPart(runs)],
    notes: [`irqloom replay-guest of ${trace}.`],
  });
}

function differencePart(differences: TraceReplayResult['differences']): Part[] {
  if (differences.length === 0) return [];
  const table = {
    head: ['line', 'what', 'where', 'expected', 'got'],
    rows: differences.map(({ line, what, place, expected, got }) => [
      String(line),
      what,
      place,
      String(expected),
      String(got),
    ]),
  };
  const text = 'The first of them, by the line of the recording.';
  return [{ title: 'Differences', cards: [tableCard('differences', 'Answers that differ', text, table)] }];
}

function runsPart(runs: readonly ThreadedRun[] | undefined): Part[] {
  if (runs === undefined) return [];
  const table = {
    narrow: ['seed', 'delivered', 'missing', 'extra', 'differ'],
    head: [
      'seed',
      'delivered',
      'missing',
      'extra',
      'reads',
      'differ',
      'reordered',
      'apart',
      'undone',
      'time',
    ],
    rows: runs.map((run) => [
      String(run.seed),
      count(run.delivered),
      count(run.acknowledges.differ - run.extras),
      count(run.extras),
      count(run.reads.checked),
      count(run.reads.differ),
      count(run.reordered),
      count(run.apart),
      count(run.undone),
      time(run.seconds * 1e9),
    ]),
  };
  const text =
    'Reordered: deliveries that came in another order than recorded, which threads may. Apart: signals that were one in the recording.';
  return [{ title: 'Runs on threads', cards: [tableCard('runs', 'Run by run', text, table)] }];
}
