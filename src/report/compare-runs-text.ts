import type { RunComparison } from '../measuring/index.ts';

type PathComparison = RunComparison['paths'][number];

import type { DataTable } from './html/figure.ts';
import { table } from './table.ts';
import { plural, time } from './units.ts';

/** The columns of the table that a narrow terminal has no room for: which path, and the verdict, are never left out. */
const LEAST_FIRST = [13, 14, 12, 11, 9, 10, 7, 8, 4, 5, 6];

/** A comparison of two runs, as text for people. */
export function compareRunsText(comparison: RunComparison): string {
  const { head, rows } = compareRunsTable(comparison);
  return `${[table(head, rows, LEAST_FIRST), ...compareRunsNotes(comparison)].join('\n')}\n`;
}

/** The same as Markdown, for a comment on a change: the verdict first, then the table. */
export function compareRunsMarkdown(comparison: RunComparison): string {
  const { head, rows } = compareRunsTable(comparison);
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [verdict = '', ...notes] = compareRunsNotes(comparison).reverse();
  return [
    `**${verdict}**`,
    '',
    line(head),
    line(head.map((_, column) => ([0, 1, 2, 3, 8].includes(column) ? '---' : '--:'))),
    ...rows.map(line),
    ...notes.reverse().flatMap((note) => ['', note]),
    '',
  ].join('\n');
}

/** A row for each path that both runs have. */
export function compareRunsTable({ paths, relative }: RunComparison): DataTable {
  const value = (p: number) => (relative ? `${p.toFixed(2)} ×` : time(p));
  return {
    narrow: ['source', 'dispatch', 'vCPU', 'B is', 'B / A'],
    head: [
      'source',
      'dispatch',
      'vCPU',
      'B is',
      'A p50',
      'B p50',
      'B / A',
      'from … to',
      'p99: B is',
      'A p99',
      'B p99',
      'B / A p99',
      'from … to p99',
      'effect',
      'p',
    ],
    rows: paths.map((path) => {
      const { source, dispatch, waiting, a, b, p99 } = path;
      return [
        source,
        dispatch,
        waiting,
        judged(path),
        value(a.p50),
        value(b.p50),
        path.ratio.toFixed(3),
        within(path.bounds),
        judged(p99),
        value(a.p99),
        value(b.p99),
        p99.ratio.toFixed(3),
        within(p99.bounds),
        `${path.delta < 0 ? '-' : '+'}${Math.abs(path.delta).toFixed(2)}`,
        path.p < 0.001 ? '0.000…' : path.p.toFixed(3),
      ];
    }),
  };
}

function judged({ verdict, regression }: Pick<PathComparison, 'verdict' | 'regression'>): string {
  if (regression) return 'slower: a regression';
  return verdict === 'no difference seen' ? 'no different' : verdict;
}

function within({ low, high }: PathComparison['bounds']): string {
  return `${low.toFixed(2)} … ${Number.isFinite(high) ? high.toFixed(2) : '∞'}`;
}

/** Notes that a reader of the table needs, and at last the verdict. */
export function compareRunsNotes(comparison: RunComparison): string[] {
  const { tolerance, relative, regressions, steady, sameMachine, unmatched } = comparison;
  return [
    'a rank test on the medians of the boots, and on the medians of their 99th percentiles; from … to: B / A with 95 % confidence; effect is Cliff’s delta: 0 no difference, +1 every boot of B is slower',
    ...(unmatched.length === 0
      ? []
      : [
          `${plural(unmatched.length, 'path is', 'paths are')} only in one of the two: ${unmatched.join('; ')}`,
        ]),
    ...(sameMachine || relative
      ? []
      : [
          'the calibrations of A and B differ: the machine was another one, or in another state; take the runs in turn, or compare with --relative',
        ]),
    ...(steady ? [] : ['unsteady: the machine changed during a run; measure again before you believe this']),
    `${regressions === 0 ? 'no regression' : plural(regressions, 'regression')} past ${(100 * tolerance).toFixed(0)} %${steady ? '' : ', but a run was unsteady'}`,
  ];
}
