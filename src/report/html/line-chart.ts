import { type Axis, doublings, elapsed, linear } from './axis.ts';
import { type ChartPoint, figure, type LegendItem, zoomable } from './figure.ts';
import {
  across,
  horizontalAxis,
  markOf,
  type Plot,
  pathThrough,
  roundDot,
  upwards,
  verticalAxis,
  WIDTH,
} from './frame.ts';
import { element, escaped } from './markup.ts';

/** Values over something that is counted, or over time. */
type Line = {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** A class of the style, in place of the class by the order of the lines. */
  readonly mark?: string;
};

export type LineChart = {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly lines: readonly Line[];
  /** Name of the horizontal axis, and the format of its values. */
  readonly xName: string;
  readonly xText: (value: number) => string;
  readonly yText: (value: number) => string;
  /** Each doubling as far as the one before: for counts like 1, 2, 4, 64. */
  readonly doubling?: boolean;
  /** Moments that are marked over the whole height of the plot. */
  readonly events?: readonly LineEvent[];
  /** The vertical axis, for a chart that does not begin at 0. */
  readonly yAxis?: (values: readonly number[], span: readonly [number, number]) => Axis;
};

/** Something that happened at `x`. `bad`: a promise was broken. */
export type LineEvent = {
  readonly x: number;
  readonly text: string;
  readonly kind: 'bad' | 'quiet';
};

const EVENT_NAMES = { bad: 'violation', quiet: 'all kept still' } as const;

const HEIGHT = 240;
const PLOT: Plot = { left: 62, right: WIDTH - 14, top: 10, bottom: HEIGHT - 38 };
/** With more points than this a line is drawn without dots. */
const DOTTED = 24;

export function lineChart(chart: LineChart): string {
  const { id, title, text, lines, xName, xText, yText, doubling = false, yAxis, events = [] } = chart;
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const x = doubling ? doublings(xs, across(PLOT)) : elapsed(Math.max(0, ...xs), across(PLOT), xText);
  const y = yAxis ? yAxis(ys, upwards(PLOT)) : linear(Math.max(0, ...ys), upwards(PLOT), yText);
  const drawn = lines.map((line, index) => {
    const placed = line.points.map(([a, b]) => [x.at(a), y.at(b)] as const);
    const dots = line.points.map(([a, b]) => {
      const said = `<title>${escaped(line.name)}, ${escaped(xName)} ${escaped(xText(a))}: ${escaped(yText(b))}</title>`;
      return roundDot(x.at(a), y.at(b), said);
    });
    return element(
      'g',
      { class: line.mark ?? markOf(index), 'data-series': index },
      element('path', { class: 'curve', d: pathThrough(placed) || 'M0 0' }) +
        (line.points.length <= DOTTED ? dots.join('') : ''),
    );
  });
  const values = lines.flatMap((line, index) =>
    line.points.map(([a, b]): ChartPoint => {
      const said = `${line.name}, ${xName} ${xText(a)}: ${yText(b)}`;
      return [index, Math.round(10 * x.at(a)) / 10, Math.round(10 * y.at(b)) / 10, said];
    }),
  );
  const columns = [...new Set(xs)].sort((a, b) => a - b);
  const shown = columns.filter((_, index) => index % Math.ceil(columns.length / DOTTED) === 0);
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: HEIGHT,
    drawing:
      verticalAxis(y, PLOT) +
      horizontalAxis(x, PLOT, { name: xName }) +
      zoomable(id, PLOT, events.map((event) => eventMark(event, x)).join('') + drawn.join('')),
    zoom: { plot: PLOT, scale: x.scale },
    points: values,
    legend: [
      ...(lines.length > 1
        ? lines.map(({ name, mark }, index) => ({ name, mark: mark ?? markOf(index) }))
        : []),
      ...(['bad', 'quiet'] as const).flatMap((kind): LegendItem[] =>
        events.some((event) => event.kind === kind)
          ? [{ name: EVENT_NAMES[kind], mark: `event-${kind}` }]
          : [],
      ),
    ],
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

function eventMark({ x, text, kind }: LineEvent, axis: Axis): string {
  const at = axis.at(x).toFixed(1);
  const d = `M${at} ${PLOT.top}V${PLOT.bottom}`;
  return element('path', { class: `event event-${kind}`, d }, `<title>${escaped(text)}</title>`);
}
