/**
 * Rows as columns of text: numbers to the right, words to the left, two spaces between. A column is taken for one of
 * numbers when everything below its head starts with a digit, a sign or a dash.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = head.map((title, column) => {
    const cells = rows.map((row) => row[column] ?? '');
    const width = Math.max(title.length, ...cells.map((cell) => cell.length));
    const right = cells.length > 0 && cells.every((cell) => /^[-–+0-9]/.test(cell));
    return (cell: string) => (right ? cell.padStart(width) : cell.padEnd(width));
  });
  const line = (cells: readonly string[]) =>
    columns
      .map((pad, column) => pad(cells[column] ?? ''))
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)].join('\n');
}
