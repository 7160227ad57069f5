import { isFaithful, type ReplayResult } from '../scenarios/replay/result.ts';
import { table } from './table.ts';
import { count, plural, rate, time } from './units.ts';

/** What `irqloom replay-guest` found, as text for people. */
export function replayText(result: ReplayResult): string {
  const { events, cpus, reads, acknowledges, msis, delivered, differences } = result;
  const lines = [
    `${plural(events, 'event')} of a guest with ${plural(cpus, 'vCPU')}: ${plural(msis, 'MSI')}, ${count(delivered)} interrupts delivered`,
    `register reads ${count(reads.checked)}, ${count(reads.differ)} differ; acknowledges ${count(acknowledges.checked)}, ${count(acknowledges.differ)} differ`,
    speedLine(result),
    ...differenceLines(differences),
    ...(isFaithful(result) ? ['every answer is the one that the guest got'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function speedLine({ seconds, eventsPerSecond, passes, firstPassSeconds }: ReplayResult): string {
  const one = `${time(seconds * 1e9)} (${rate(eventsPerSecond)})`;
  if (passes === 1) return `replayed in ${one}`;
  return `replayed in ${one}: the median of ${passes} passes, all of them compared; the first took ${time(firstPassSeconds * 1e9)}`;
}

function differenceLines(differences: ReplayResult['differences']): string[] {
  if (differences.length === 0) return [];
  const rows = differences.map(({ line, what, place, expected, got }) => [
    String(line),
    what,
    place,
    String(expected),
    String(got),
  ]);
  return ['', table(['line', 'what', 'where', 'expected', 'got'], rows)];
}
