import { textWidth } from './text-width.ts';

/** Blanks between two columns. */
const GAP = 2;

/**
 * Rows as columns of text: numbers to the right, words to the left, two spaces between. A column counts as numbers when every
 * cell below its head starts with a digit, a sign or a dash. Where the terminal is too narrow, columns are left out, and a
 * line below names them.
 * @param dropped - the columns that may be left out, by their numbers from 0, the least important first; by default all but the
 * first, from the right
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  dropped: readonly number[] = head
    .map((_, column) => column)
    .slice(1)
    .reverse(),
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const left = new Set<number>();
  const sum = () =>
    widths.reduce((total, width, column) => (left.has(column) ? total : total + width + GAP), -GAP);
  for (const column of dropped) {
    if (sum() <= textWidth()) break;
    left.add(column);
  }
  const line = (cells: readonly string[]) =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return isNumeric(rows, column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .filter((_, column) => !left.has(column))
      .join(' '.repeat(GAP))
      .trimEnd();
  const names = head.filter((name, column) => left.has(column) && name !== '');
  return [
    line(head),
    ...rows.map(line),
    ...(names.length === 0 ? [] : [`(a wider terminal, or --json, has more: ${names.join(', ')})`]),
  ].join('\n');
}

function isNumeric(rows: readonly (readonly string[])[], column: number): boolean {
  return rows.length > 0 && rows.every((row) => /^[-–+0-9]/.test(row[column] ?? ''));
}
