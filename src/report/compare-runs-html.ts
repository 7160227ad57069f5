import type { RunComparison } from '../measuring/index.ts';
import { compareRunsNotes, compareRunsTable } from './compare-runs-text.ts';
import { tableCard } from './html/figure.ts';
import { page } from './html/page.ts';
import { count, plural } from './units.ts';

/** Two saved runs beside each other, as one page. @param a - the files, as the user named them */
export function compareRunsHtml(comparison: RunComparison, a: string, b: string): string {
  const { paths, regressions, steady } = comparison;
  const notes = compareRunsNotes(comparison);
  const verdict = notes.at(-1) ?? '';
  const slower = paths.filter((path) => path.verdict === 'slower').length;
  const faster = paths.filter((path) => path.verdict === 'faster').length;
  return page({
    title: 'Is B slower than A?',
    text: `A: ${a}. B: ${b}. Each path was measured in both; the medians of its boots are ranked.`,
    verdict: {
      text: verdict,
      kind: regressions > 0 ? 'bad' : steady ? 'good' : 'warn',
    },
    tiles: [
      { name: 'paths', value: count(paths.length) },
      { name: 'slower', value: count(slower), more: plural(regressions, 'regression') },
      { name: 'faster', value: count(faster) },
    ],
    parts: [
      {
        title: 'Path by path',
        cards: [
          tableCard('paths', 'A and B', 'Medians over the boots of each.', compareRunsTable(comparison)),
        ],
      },
    ],
    notes: notes.slice(0, -1),
  });
}
