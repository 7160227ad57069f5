import type { Outcome } from '../faults.ts';

/**
 * The outcomes as tables of Markdown, as docs/reliability.md keeps them: a row for each command or output, a column for each
 * disturbance, and in a cell the exit status or the signal. Rows with the same columns stand in one table. `!` marks a promise
 * that was broken, `–` a cell that was not to be tried on this machine.
 */
export function matrix(outcomes: readonly Outcome[]): string {
  const rows = new Map<string, Map<string, string>>();
  for (const { name, verdict, status } of outcomes) {
    const cut = name.lastIndexOf('/');
    const [row, column] = [name.slice(0, cut), name.slice(cut + 1)];
    const cells = rows.get(row) ?? new Map<string, string>();
    rows.set(row, cells.set(column, said(verdict, status)));
  }
  const tables = new Map<string, [row: string, cells: ReadonlyMap<string, string>][]>();
  for (const [row, cells] of rows) {
    const columns = [...cells.keys()].join('\n');
    tables.set(columns, [...(tables.get(columns) ?? []), [row, cells]]);
  }
  return [...tables].map(([columns, each]) => table(columns.split('\n'), each)).join('\n\n');
}

function said(verdict: Outcome['verdict'], status: string): string {
  if (verdict === 'skipped') return '–';
  return verdict === 'held' ? status : `! ${status}`;
}

function table(
  columns: readonly string[],
  rows: readonly (readonly [row: string, cells: ReadonlyMap<string, string>])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...columns]),
    line(['---', ...columns.map(() => '---')]),
    ...rows.map(([row, cells]) => line([row, ...columns.map((column) => cells.get(column) ?? '')])),
  ].join('\n');
}
