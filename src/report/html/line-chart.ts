import { type Axis, doublings, elapsed, linear } from './axis.ts';
import { figure } from './figure.ts';
import {
  across,
  horizontalAxis,
  markOf,
  type Plot,
  pathThrough,
  upwards,
  verticalAxis,
  WIDTH,
} from './frame.ts';
import { element, escaped } from './markup.ts';

/** Values over something that is counted, or over time. */
type Line = {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** A class of the style, where the order of the lines does not give it. */
  readonly mark?: string;
};

export type LineChart = {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly lines: readonly Line[];
  /** Name of the horizontal axis, and how its values are written. */
  readonly xName: string;
  readonly xText: (value: number) => string;
  readonly yText: (value: number) => string;
  /** Each doubling as far as the one before: for counts like 1, 2, 4, 64. */
  readonly doubling?: boolean;
  /** The vertical axis, where it is not to begin at 0. */
  readonly yAxis?: (values: readonly number[], span: readonly [number, number]) => Axis;
};

const HEIGHT = 240;
const PLOT: Plot = { left: 62, right: WIDTH - 14, top: 10, bottom: HEIGHT - 38 };
/** With more points than this a line is drawn without dots. */
const DOTTED = 24;

export function lineChart(chart: LineChart): string {
  const { id, title, text, lines, xName, xText, yText, doubling = false, yAxis } = chart;
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const x = doubling ? doublings(xs, across(PLOT)) : elapsed(Math.max(0, ...xs), across(PLOT), xText);
  const y = yAxis ? yAxis(ys, upwards(PLOT)) : linear(Math.max(0, ...ys), upwards(PLOT), yText);
  const drawn = lines.map((line, index) => {
    const placed = line.points.map(([a, b]) => [x.at(a), y.at(b)] as const);
    const dots = line.points.map(([a, b]) => {
      const said = `<title>${escaped(line.name)}, ${escaped(xName)} ${escaped(xText(a))}: ${escaped(yText(b))}</title>`;
      return element('circle', { class: 'dot', cx: x.at(a), cy: y.at(b), r: 4 }, said);
    });
    return element(
      'g',
      { class: line.mark ?? markOf(index) },
      element('path', { class: 'curve', d: pathThrough(placed) || 'M0 0' }) +
        (line.points.length <= DOTTED ? dots.join('') : ''),
    );
  });
  const columns = [...new Set(xs)].sort((a, b) => a - b);
  const shown = columns.filter((_, index) => index % Math.ceil(columns.length / DOTTED) === 0);
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: HEIGHT,
    drawing: verticalAxis(y, PLOT) + horizontalAxis(x, PLOT, { name: xName }) + drawn.join(''),
    legend:
      lines.length > 1 ? lines.map(({ name, mark }, index) => ({ name, mark: mark ?? markOf(index) })) : [],
    table: {
      head: [xName, ...lines.map(({ name }) => name)],
      rows: shown.map((column) => [
        xText(column),
        ...lines.map((line) => {
          const found = line.points.find(([a]) => a === column);
          return found ? yText(found[1]) : '–';
        }),
      ]),
    },
  });
}
