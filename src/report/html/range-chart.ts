import { time } from '../units.ts';
import { logTime } from './axis.ts';
import { figure, type LegendItem } from './figure.ts';
import { across, horizontalAxis, type Plot } from './frame.ts';
import { element, escaped, label } from './markup.ts';

/** One row: half of the values lie below the dot, all but one in a hundred within the bar. Times in ns. */
export type Range = {
  readonly name: string;
  /** A class of the style. */
  readonly mark: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The time to compare with. */
  readonly yardstick?: number;
};

export type RangeGroup = { readonly name: string; readonly rows: readonly Range[] };

const WIDTH = 620;
const ROW = 22;
const HEAD = 24;
const LEFT = 104;
/** For the medians. */
const RIGHT = 82;
/** The width of a character of a mark, and of a name: the chart is wider than others, and so is its text on a phone. */
const CHARACTER = 9.5;
const NAME_CHARACTER = 10.5;

/** Ranges on one axis of time, in groups: the overview of everything that was measured. */
export function rangeChart(
  id: string,
  title: string,
  text: string,
  groups: readonly RangeGroup[],
  legend: readonly LegendItem[],
): string {
  const rows = groups.flatMap((group) => group.rows);
  const bottom = 6 + groups.reduce((sum, group) => sum + HEAD + group.rows.length * ROW, 0);
  const longest = Math.max(0, ...rows.map(({ name }) => name.length));
  const plot: Plot = {
    left: Math.max(LEFT, 16 + NAME_CHARACTER * longest),
    right: WIDTH - RIGHT,
    top: 6,
    bottom,
  };
  const x = logTime(
    rows.flatMap(({ p50, p99, yardstick }) => [p50, p99, yardstick ?? p50]),
    across(plot),
  );
  let y = 6;
  const drawn = groups.map((group) => {
    const head = label(0, y + 16, group.name, { kind: 'strong' });
    y += HEAD;
    const lines = group.rows.map((row) => {
      y += ROW;
      return drawRow(row, y - ROW / 2, x.at, plot);
    });
    return head + lines.join('');
  });
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: bottom + 24,
    drawing: horizontalAxis(x, plot, { character: CHARACTER, margin: 40 }) + drawn.join(''),
    legend,
    wide: true,
    table: {
      narrow: ['group', 'series', 'p50', 'p99'],
      head: ['group', 'series', 'p50', 'p99', 'max', 'calibration', '× calibration'],
      rows: groups.flatMap((group) =>
        group.rows.map(({ name, p50, p99, max, yardstick }) => [
          group.name,
          name,
          time(p50),
          time(p99),
          time(max),
          time(yardstick ?? null),
          yardstick === undefined ? '–' : (p50 / yardstick).toFixed(2),
        ]),
      ),
    },
  });
}

function drawRow(row: Range, y: number, at: (ns: number) => number, plot: Plot): string {
  const { name, mark, p50, p99, max, yardstick } = row;
  const said = `<title>${escaped(name)}: p50 ${time(p50)}, p99 ${time(p99)}, max ${time(max)}</title>`;
  const held =
    yardstick === undefined
      ? ''
      : element('path', {
          class: 'yard',
          d: `M${at(yardstick).toFixed(1)} ${y - 8}v16`,
        });
  const marks =
    element('line', { class: 'range', x1: at(p50), x2: at(p99), y1: y, y2: y }) +
    element('circle', { class: 'dot', cx: at(p50), cy: y, r: 5 }, said);
  return (
    label(plot.left - 12, y + 4, name, { anchor: 'end', kind: 'name' }) +
    held +
    element('g', { class: mark }, marks) +
    label(plot.right + 8, y + 4, time(p50))
  );
}
