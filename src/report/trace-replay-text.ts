import type { TraceReplayResult } from '../recorded/index.ts';
import { isFaithful } from '../recorded/replay/replay-result.ts';
import { table } from './table.ts';
import { count, plural, rate, time } from './units.ts';

/** The result of `irqloom replay-guest`, as text for people. */
export function traceReplayText(result: TraceReplayResult): string {
  const { events, cpus, reads, acknowledges, msis, delivered, differences } = result;
  const lines = [
    `${plural(events, 'event')} of a guest with ${plural(cpus, 'vCPU')}: ${plural(msis, 'MSI')}, ${count(delivered)} interrupts delivered`,
    `register reads ${count(reads.checked)}, ${count(reads.differ)} differ; acknowledges ${count(acknowledges.checked)}, ${count(acknowledges.differ)} differ`,
    ...(result.runs ? threadLines(result) : [speedLine(result)]),
    ...differenceLines(differences),
    ...(isFaithful(result) && !result.interrupted ? ['every answer is the recorded one'] : []),
    ...(result.interrupted ? ['interrupted: the replay was not done to its end'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function threadLines({ threads, runs = [] }: TraceReplayResult): string[] {
  const left = threads?.leftOut ?? 0;
  return [
    `${plural(threads?.vcpus ?? 0, 'vCPU thread')}, ${plural(threads?.devices ?? 0, 'device thread')}${left === 0 ? '' : `; ${plural(left, 'signal')} that no vCPU had taken left out`}`,
    table(
      ['seed', 'time', 'delivered', 'apart', 'reordered', 'missing', 'extra', 'reads', 'differ', 'undone'],
      runs.map(({ seed, seconds, delivered, apart, reordered, acknowledges, extras, reads, undone }) => [
        String(seed),
        time(seconds * 1e9),
        count(delivered),
        count(apart),
        count(reordered),
        count(acknowledges.differ - extras),
        count(extras),
        count(reads.checked),
        count(reads.differ),
        count(undone),
      ]),
    ),
  ];
}

function speedLine(result: TraceReplayResult): string {
  const { seconds, eventsPerSecond, passes = 1, firstPassSeconds = 0, movedAt } = result;
  const one = `${time(seconds * 1e9)} (${rate(eventsPerSecond)})`;
  if (movedAt)
    return `replayed in ${time(seconds * 1e9)}, saved, moved and restored after event ${movedAt.join(', ')}`;
  if (passes === 1) return `replayed in ${one}`;
  return `replayed in ${one}: the median of ${passes} passes, all of them compared; the first took ${time(firstPassSeconds * 1e9)}`;
}

function differenceLines(differences: TraceReplayResult['differences']): string[] {
  if (differences.length === 0) return [];
  const rows = differences.map(({ line, what, place, expected, got }) => [
    String(line),
    what,
    place,
    String(expected),
    String(got),
  ]);
  return ['', table(['line', 'what', 'where', 'expected', 'got'], rows, [])];
}
