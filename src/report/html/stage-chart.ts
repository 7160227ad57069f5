import { time } from '../units.ts';
import { figure } from './figure.ts';
import { across, type Plot, WIDTH } from './frame.ts';
import { element, escaped, label } from './markup.ts';

/** A time with its parts, which follow each other and make the whole, ns. */
export type Parted = { readonly name: string; readonly parts: readonly number[] };

const BAR = 20;
const STEP = 40;
/** Narrower parts have no name in them. */
const NAMED = 50;

/** Bars cut into their parts, as shares of the whole; how long the whole is stands beside. */
export function stageChart(
  id: string,
  title: string,
  text: string,
  stages: readonly string[],
  rows: readonly Parted[],
): string {
  const plot: Plot = { left: 0, right: WIDTH, top: 4, bottom: 4 + rows.length * STEP };
  const [left, right] = across(plot);
  const drawn = rows.map(({ name, parts }, index) => {
    const whole = parts.reduce((sum, part) => sum + part, 0);
    const y = plot.top + index * STEP + 14;
    let from = left;
    const bars = parts.map((part, stage) => {
      const width = whole > 0 ? (part / whole) * (right - left) : 0;
      const x = from;
      from += width;
      if (width < 0.2) return '';
      const share = `${((100 * part) / whole).toFixed(0)} %`;
      const said = `<title>${escaped(name)}, ${stages[stage]}: ${time(part)}, ${share}</title>`;
      const bar = element(
        'rect',
        { class: `fill s${stage + 1}`, x, y, width: Math.max(0.8, width - 1.5), height: BAR, rx: 2 },
        said,
      );
      const inside = width >= NAMED ? label(x + 6, y + 14, time(part), { kind: `on-s${stage + 1}` }) : '';
      return bar + inside;
    });
    return (
      label(left, y - 4, name, { kind: 'name' }) +
      label(right, y - 4, time(whole), { anchor: 'end', kind: 'name' }) +
      bars.join('')
    );
  });
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: plot.bottom,
    drawing: drawn.join(''),
    legend: stages.map((name, stage) => ({ name, mark: `s${stage + 1}` })),
    table: {
      head: ['series', ...stages, 'whole'],
      rows: rows.map(({ name, parts }) => [
        name,
        ...parts.map((part) => time(part)),
        time(parts.reduce((sum, part) => sum + part, 0)),
      ]),
    },
  });
}
