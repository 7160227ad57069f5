import { time } from '../units.ts';
import { figure } from './figure.ts';
import { WIDTH } from './frame.ts';
import { element, label } from './markup.ts';

/** A cell: the value that its colour stands for, ns, or null where there is none. */
type Cell = { readonly row: number; readonly column: number; readonly value: number | null };

export type HeatMap = {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  /** What a row is, and what a column is: `device`, `vCPU`. */
  readonly rowName: string;
  readonly columnName: string;
  readonly cells: readonly Cell[];
};

const LEFT = 66;
const TOP = 26;
const SHADES = 7;
/** Cells at least so large have their value written in them. */
const WRITTEN = 46;
const TALLEST = 34;
/** From the first shade to the last at least so many times: small differences shall not look large. */
const LEAST_SPREAD = 4;

/** A table as colours: which pairs are slower than others. The shades go by the order of the values on a logarithmic scale. */
export function heatMap({ id, title, text, rowName, columnName, cells }: HeatMap): string {
  const rows = Math.max(0, ...cells.map(({ row }) => row)) + 1;
  const columns = Math.max(0, ...cells.map(({ column }) => column)) + 1;
  const values = cells.flatMap(({ value }) => (value === null ? [] : [value]));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const width = Math.min(92, (WIDTH - LEFT - 4) / columns);
  const height = Math.max(8, Math.min(TALLEST, width));
  const spread = Math.max(Math.log(high / low), Math.log(LEAST_SPREAD));
  const shade = (value: number) =>
    Math.min(SHADES - 1, Math.floor((Math.log(value / low) / spread) * SHADES));
  const drawn = cells.map(({ row, column, value }) => {
    const x = LEFT + column * width;
    const y = TOP + row * height;
    const name = `${rowName} ${row}, ${columnName} ${column}: ${time(value)}`;
    const mark = value === null ? 'gridline' : `fill s${shade(value)}`;
    const box = element(
      'rect',
      {
        class: mark,
        x,
        y,
        width: width - 1.5,
        height: height - 1.5,
        rx: 2,
        ...(value === null ? { fill: 'none' } : {}),
      },
      `<title>${name}</title>`,
    );
    if (value === null || width < WRITTEN) return box;
    return (
      box +
      label(x + width / 2, y + height / 2 + 3, time(value), { anchor: 'middle', kind: `on-s${shade(value)}` })
    );
  });
  const everyRow = Math.ceil(14 / height);
  const everyColumn = Math.ceil(18 / width);
  const names = [
    ...Array.from({ length: rows }, (_, row) =>
      row % everyRow === 0
        ? label(LEFT - 8, TOP + row * height + height / 2 + 3, `${row === 0 ? `${rowName} ` : ''}${row}`, {
            anchor: 'end',
          })
        : '',
    ),
    ...Array.from({ length: columns }, (_, column) =>
      column % everyColumn === 0
        ? label(
            LEFT + column * width + width / 2,
            TOP - 8,
            `${column === 0 ? `${columnName} ` : ''}${column}`,
            { anchor: 'middle' },
          )
        : '',
    ),
  ];
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: TOP + rows * height + 4,
    drawing: names.join('') + drawn.join(''),
    legend:
      high > low
        ? [
            { name: `fast: ${time(low)}`, mark: 's0' },
            { name: `slow: ${time(high)}`, mark: 's6' },
          ]
        : [],
    table: {
      head: [rowName, columnName, 'value'],
      rows: cells.map(({ row, column, value }) => [String(row), String(column), time(value)]),
    },
  });
}
