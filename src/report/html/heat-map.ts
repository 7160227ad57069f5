import { count, shortCount, time } from '../units.ts';
import { figure, type LegendItem } from './figure.ts';
import { WIDTH } from './frame.ts';
import { element, escaped, label } from './markup.ts';

/** A cell: the value behind the colour, or null for none; and further text about the cell. */
export type Cell = {
  readonly row: number;
  readonly column: number;
  readonly value: number | null;
  /** In the order of {@link HeatMap.further}. */
  readonly further?: readonly string[];
};

/** The quantity of the colours: its name, the format of a value, also in a cell, and names for the ends of the scale. */
export type HeatScale = {
  readonly name: string;
  readonly text: (value: number) => string;
  readonly short: (value: number) => string;
  readonly low: string;
  readonly high: string;
};

/** Medians, ns. */
export const MEDIANS: HeatScale = { name: 'p50', text: time, short: time, low: 'fast', high: 'slow' };
/** 99th percentiles, ns. */
export const SLOWEST: HeatScale = { ...MEDIANS, name: 'p99' };
export const DELIVERIES: HeatScale = {
  name: 'delivered',
  text: count,
  short: shortCount,
  low: 'few',
  high: 'many',
};

export type HeatMap = {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly scale: HeatScale;
  /** The names of rows and columns: `device`, `vCPU`; and the name of each of them, by default its number. */
  readonly rowName: string;
  readonly columnName: string;
  readonly rowText?: (row: number) => string;
  readonly columnText?: (column: number) => string;
  readonly cells: readonly Cell[];
  /** Names of the further figures of cells. */
  readonly further?: readonly string[];
};

const LEFT = 66;
const TOP = 42;
const NAMES = TOP - 24;
const SHADES = 7;
/** Cells at least so wide have their value written in them. */
const WRITTEN = 54;
const TALLEST = 34;
const WIDEST = 92;
/** From the first shade to the last at least so many times: small differences shall not look large. */
const LEAST_SPREAD = 4;

/**
 * A table as colours: which pairs have more of something. The shades go by the values on a logarithmic scale; a cell
 * with none is empty.
 */
export function heatMap(map: HeatMap): string {
  const { id, title, text, scale, rowName, columnName, cells, further = [] } = map;
  const { rowText = String, columnText = String } = map;
  const rows = Math.max(0, ...cells.map(({ row }) => row)) + 1;
  const columns = Math.max(0, ...cells.map(({ column }) => column)) + 1;
  const values = cells.flatMap(({ value }) => (value === null || value <= 0 ? [] : [value]));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const width = Math.min(WIDEST, (WIDTH - LEFT - 4) / columns);
  const height = Math.max(8, Math.min(TALLEST, width));
  const wide = Math.log(high / low);
  const spread = Math.max(wide, Math.log(LEAST_SPREAD));
  // Values that are nearly the same have a shade in the middle.
  const shade = (value: number) =>
    Math.min(SHADES - 1, Math.floor(((Math.log(value / low) + (spread - wide) / 2) / spread) * SHADES));
  const written = (value: number | null) => (value === null ? '–' : scale.text(value));
  const drawn = cells.map(({ row, column, value, further: more = [] }) => {
    const x = LEFT + column * width;
    const y = TOP + row * height;
    const rest = more.map((figure, index) => `, ${further[index]} ${figure}`).join('');
    const said = `${rowName} ${rowText(row)}, ${columnName} ${columnText(column)}: ${scale.name} ${written(value)}${rest}`;
    const place = { x, y, width: width - 1.5, height: height - 1.5, rx: 2 };
    const shown = value !== null && width >= WRITTEN;
    if (value === null || value <= 0) {
      const box = element('rect', { class: 'hole', ...place }, `<title>${escaped(said)}</title>`);
      const none = { anchor: 'middle' } as const;
      return shown ? box + label(x + width / 2, y + height / 2 + 3, scale.short(value), none) : box;
    }
    const box = element(
      'rect',
      { class: `fill s${shade(value)}`, ...place },
      `<title>${escaped(said)}</title>`,
    );
    if (!shown) return box;
    const ink = { anchor: 'middle', kind: `on-s${shade(value)}` } as const;
    return box + label(x + width / 2, y + height / 2 + 3, scale.short(value), ink);
  });
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: TOP + rows * height + 4,
    drawing: sideNames(rows, height, map) + topNames(columns, width, map) + drawn.join(''),
    legend: values.length === 0 ? [] : legendOf(scale, { low, high, shade }),
    table: {
      head: [rowName, columnName, scale.name, ...further],
      rows: cells.map(({ row, column, value, further: more = [] }) => [
        rowText(row),
        columnText(column),
        written(value),
        ...more,
      ]),
    },
  });
}

type Ends = { readonly low: number; readonly high: number; readonly shade: (value: number) => number };

function legendOf(scale: HeatScale, { low, high, shade }: Ends): LegendItem[] {
  const [first, last] = [`s${shade(low)}`, `s${shade(high)}`];
  if (low === high) return [{ name: scale.text(low), mark: first }];
  if (first === last) return [{ name: `${scale.text(low)} to ${scale.text(high)}`, mark: first }];
  return [
    { name: `${scale.low}: ${scale.text(low)}`, mark: first },
    { name: `${scale.high}: ${scale.text(high)}`, mark: last },
  ];
}

function sideNames(rows: number, height: number, { rowName, rowText = String }: HeatMap): string {
  const every = Math.ceil(14 / height);
  const numbers = Array.from({ length: rows }, (_, row) =>
    row % every === 0
      ? label(LEFT - 8, TOP + row * height + height / 2 + 3, rowText(row), { anchor: 'end' })
      : '',
  );
  return label(LEFT - 8, TOP - 8, rowName, { anchor: 'end' }) + numbers.join('');
}

function topNames(columns: number, width: number, { columnName, columnText = String }: HeatMap): string {
  const widest = Math.max(0, ...Array.from({ length: columns }, (_, column) => columnText(column).length));
  const every = Math.ceil((6 + 7.6 * widest) / width);
  const numbers = Array.from({ length: columns }, (_, column) =>
    column % every === 0
      ? label(LEFT + column * width + width / 2, TOP - 8, columnText(column), { anchor: 'middle' })
      : '',
  );
  return label(LEFT, NAMES, columnName) + numbers.join('');
}
