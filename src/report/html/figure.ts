import { count } from '../units.ts';
import type { Scale } from './axis.ts';
import { copyButton } from './copy.ts';
import type { Plot } from './frame.ts';
import { element, escaped } from './markup.ts';

/** The same as a chart, in words and numbers. */
export type DataTable = {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The columns that a phone shows before a reader asks for all; left out: the first five. */
  readonly narrow?: readonly string[];
  /** The column whose cells a click copies. */
  readonly copies?: string;
};

/** So many columns have room on a phone. */
const NARROW_COLUMNS = 5;

/** The mark that tells the series of a chart apart: `mark` is a class of the style, `c0` to `c7` or `s0` to `s6`. */
export type LegendItem = { readonly name: string; readonly mark: string };

export type Figure = {
  /** Unique in its page. */
  readonly id: string;
  readonly title: string;
  /** The content of the figure, for readers who cannot see the drawing, and a hint where to look. */
  readonly text: string;
  readonly width: number;
  readonly height: number;
  /** The inside of the SVG. */
  readonly drawing: string;
  readonly legend?: readonly LegendItem[];
  /** Where the horizontal axis can be zoomed: the drawing within {@link zoomable} moves. */
  readonly zoom?: { readonly plot: Plot; readonly scale: Scale };
  /** The values of series whose marks do not show them. Coordinates are those of the drawing. */
  readonly points?: readonly ChartPoint[];
  readonly table: DataTable;
  /** Takes the whole width of the page. */
  readonly wide?: boolean;
};

/** A value: its series, its place, and its text. */
export type ChartPoint = readonly [series: number, x: number, y: number, text: string];

/** Room beside a plot that keeps a mark at the plot's end whole. */
const BESIDE = 5;

/** The part of a drawing that moves when the chart `id` is zoomed; clipped to its plot. */
export function zoomable(id: string, { left, right, top, bottom }: Plot, drawing: string): string {
  const box = {
    x: left - BESIDE,
    y: top - BESIDE,
    width: right - left + 2 * BESIDE,
    height: bottom - top + 2 * BESIDE,
  };
  const clip = element('clipPath', { id: `${id}-clip` }, element('rect', box));
  return clip + element('g', { 'clip-path': `url(#${id}-clip)` }, element('g', { class: 'zoom' }, drawing));
}

/** A chart: an inline SVG with a name and a description, its legend, and a table of the same values. */
export function figure(given: Figure): string {
  const { id, title, text, width, height, drawing, legend = [], table, wide = false, zoom, points } = given;
  const data = zoom === undefined ? '' : ` data-zoom="${escaped(JSON.stringify(zoom))}"`;
  const json = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c');
  const values = points === undefined ? '' : `<script type="application/json">${json(points)}</script>`;
  const items = legend.map(({ name, mark }) => `<li><i class="${mark}"></i>${escaped(name)}</li>`).join('');
  return `<figure class="card${wide ? ' wide' : ''}" id="${id}"${data}>
<figcaption><h3>${escaped(title)}</h3><p>${escaped(text)}</p></figcaption>
${items === '' ? '' : `<ul class="legend">${items}</ul>`}
<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${escaped(title)}</title><desc id="${id}-d">${escaped(text)}</desc>${drawing}</svg>${values}
<details><summary>As a table</summary>${tableMarkup(table, title)}</details>
</figure>`;
}

/** A table with more rows is folded: it would be longer than the rest of its page. */
const FOLDED_ROWS = 50;

/** A visible table, under its heading; a long one is folded. @param narrow - whether the table has room beside another card */
export function tableCard(id: string, title: string, text: string, table: DataTable, narrow = false): string {
  const markup = tableMarkup(table, title);
  const { length } = table.rows;
  const shown =
    length > FOLDED_ROWS ? `<details><summary>${count(length)} rows</summary>${markup}</details>` : markup;
  return `<section class="card${narrow ? '' : ' wide'}" id="${id}"><h3>${escaped(title)}</h3><p>${escaped(text)}</p>${shown}</section>`;
}

function tableMarkup(table: DataTable, title: string): string {
  const { head, rows, narrow = head.slice(0, NARROW_COLUMNS), copies } = table;
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[-–+0-9]/.test(row[column] ?? '')),
  );
  const classes = head.map((name, column) => {
    const all = [...(numeric[column] ? ['n'] : []), ...(narrow.includes(name) ? [] : ['less'])];
    return all.length === 0 ? '' : ` class="${all.join(' ')}"`;
  });
  const shown = (text: string, column: number) =>
    copies !== undefined && head[column] === copies
      ? `<code class="long">${escaped(text)}</code> ${copyButton(`Copy the ${copies}`, text)}`
      : escaped(text);
  const cell = (name: 'td' | 'th', text: string, column: number) =>
    name === 'th'
      ? `<th scope="col"${classes[column] ?? ''}>${escaped(text)}</th>`
      : `<td${classes[column] ?? ''}>${shown(text, column)}</td>`;
  const line = (name: 'td' | 'th', cells: readonly string[]) =>
    `<tr>${cells.map((text, column) => cell(name, text, column)).join('')}</tr>`;
  const all = head.every((name) => narrow.includes(name))
    ? ''
    : '<label class="all"><input type="checkbox"> all columns</label>';
  return `<div class="table">${all}<div class="scroll" tabindex="0" role="group" aria-label="${escaped(title)}, as a table"><table><thead>${line('th', head)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table></div></div>`;
}
