import { escaped } from './markup.ts';

/** The same as a chart, in words and numbers. */
export type DataTable = { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** What tells the series of a chart apart: `mark` is a class of the style, `c0` to `c7` or `s0` to `s6`. */
export type LegendItem = { readonly name: string; readonly mark: string };

export type Figure = {
  /** Unique in its page. */
  readonly id: string;
  readonly title: string;
  /** The content of the figure, for readers without it, and a hint of what to look at. */
  readonly text: string;
  readonly width: number;
  readonly height: number;
  /** The inside of the SVG. */
  readonly drawing: string;
  readonly legend?: readonly LegendItem[];
  readonly table: DataTable;
  /** Takes the whole width of the page. */
  readonly wide?: boolean;
};

/** A chart: an inline SVG with a name and a description, its legend, and the same as a table. */
export function figure(given: Figure): string {
  const { id, title, text, width, height, drawing, legend = [], table, wide = false } = given;
  const items = legend.map(({ name, mark }) => `<li><i class="${mark}"></i>${escaped(name)}</li>`).join('');
  return `<figure class="card${wide ? ' wide' : ''}" id="${id}">
<figcaption><h3>${escaped(title)}</h3><p>${escaped(text)}</p></figcaption>
${items === '' ? '' : `<ul class="legend">${items}</ul>`}
<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${escaped(title)}</title><desc id="${id}-d">${escaped(text)}</desc>${drawing}</svg>
<details><summary>As a table</summary>${tableMarkup(table, title)}</details>
</figure>`;
}

/** A table for all to see, under its heading. @param narrow - whether it has room beside another card */
export function tableCard(id: string, title: string, text: string, table: DataTable, narrow = false): string {
  return `<section class="card${narrow ? '' : ' wide'}" id="${id}"><h3>${escaped(title)}</h3><p>${escaped(text)}</p>${tableMarkup(table, title)}</section>`;
}

function tableMarkup({ head, rows }: DataTable, title: string): string {
  const numeric = head.map((_, column) => rows.every((row) => /^[-–+0-9]/.test(row[column] ?? '')));
  const cell = (name: 'td' | 'th', text: string, column: number) =>
    `<${name}${name === 'th' ? ' scope="col"' : ''}${numeric[column] && rows.length > 0 ? ' class="n"' : ''}>${escaped(text)}</${name}>`;
  const line = (name: 'td' | 'th', cells: readonly string[]) =>
    `<tr>${cells.map((text, column) => cell(name, text, column)).join('')}</tr>`;
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escaped(title)}, as a table"><table><thead>${line('th', head)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table></div>`;
}
