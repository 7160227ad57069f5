import type { RunComparison } from '../measuring/index.ts';
import { table } from './table.ts';
import { plural, time } from './units.ts';

/** What comparing two runs came to, as text for people. */
export function compareRunsText(comparison: RunComparison): string {
  const { paths, tolerance, relative, regressions, steady, sameMachine, unmatched } = comparison;
  const value = (p: number) => (relative ? `${p.toFixed(2)} ×` : time(p));
  const lines = [
    table(
      ['source', 'dispatch', 'vCPU', 'A p50', 'B p50', 'A p99', 'B p99', 'B / A', 'effect', 'p', 'B is'],
      paths.map(({ source, dispatch, waiting, a, b, ratio, delta, p, verdict, regression }) => [
        source,
        dispatch,
        waiting,
        value(a.p50),
        value(b.p50),
        value(a.p99),
        value(b.p99),
        ratio.toFixed(3),
        `${delta < 0 ? '-' : '+'}${Math.abs(delta).toFixed(2)}`,
        p < 0.001 ? '0.000…' : p.toFixed(3),
        regression ? 'slower: a regression' : verdict,
      ]),
    ),
    'a rank test on the medians of the boots; effect is Cliff’s delta: 0 no difference, +1 every boot of B is slower',
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
    regressions === 0
      ? `no regression past ${(100 * tolerance).toFixed(0)} %`
      : `${plural(regressions, 'regression')} past ${(100 * tolerance).toFixed(0)} %`,
  ];
  return `${lines.join('\n')}\n`;
}
