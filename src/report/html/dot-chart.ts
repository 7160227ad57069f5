import { time } from '../units.ts';
import { elapsedWithCuts, logTime } from './axis.ts';
import { type ChartPoint, figure, zoomable } from './figure.ts';
import { across, horizontalAxis, type Plot, upwards, verticalAxis, WIDTH } from './frame.ts';
import { element, escaped } from './markup.ts';
import { markOfSeries } from './percentile-chart.ts';

/** Latencies and when they were, both in ns. */
export type Dots = {
  readonly name: string;
  readonly points: readonly (readonly [atNs: number, ns: number])[];
  /** A class of the style, in place of the class by the order of the series. */
  readonly mark?: string;
};

const HEIGHT = 240;
const PLOT: Plot = { left: 52, right: WIDTH - 14, top: 10, bottom: HEIGHT - 38 };

/** A time line: a dot for each value, at its moment in the run. */
export function dotChart(id: string, title: string, text: string, series: readonly Dots[]): string {
  const points = series.flatMap((one) => one.points);
  const first = Math.min(...points.map(([at]) => at));
  const y = logTime(
    points.map(([, ns]) => ns),
    upwards(PLOT),
  );
  const seconds = (at: number) => (at - first) / 1e9;
  const x = elapsedWithCuts(
    points.length === 0 ? [0] : points.map(([at]) => seconds(at)),
    across(PLOT),
    (value) => `${Number(value.toFixed(3))} s`,
  );
  const cuts = x.cuts.map(({ at, seconds: length }) => {
    const said = `<title>${escaped(`${time(length * 1e9)} without a signal of these series is cut out`)}</title>`;
    return element('line', { class: 'cut', x1: at, x2: at, y1: PLOT.top, y2: PLOT.bottom }, said);
  });
  const drawn = series.map((one, index) => {
    // A line of no length with a round end is a dot, and many of them are one path.
    const d = one.points.map(([at, ns]) => `M${x.at(seconds(at)).toFixed(1)} ${y.at(ns).toFixed(1)}h0`);
    return element(
      'g',
      { class: markOfSeries(one, index), 'data-series': index },
      element('path', { class: 'dots', d: d.join('') || 'M0 0' }),
    );
  });
  const values = series.flatMap(({ name, points: own }, index) =>
    own.map(([at, ns]): ChartPoint => {
      const said = `${name}: ${time(ns)}, at ${seconds(at).toFixed(3)} s`;
      return [index, Math.round(10 * x.at(seconds(at))) / 10, Math.round(10 * y.at(ns)) / 10, said];
    }),
  );
  return figure({
    id,
    title,
    text: cuts.length === 0 ? text : `${text} Times without a dot are cut out, at the broken strokes.`,
    width: WIDTH,
    height: HEIGHT,
    drawing:
      verticalAxis(y, PLOT) +
      horizontalAxis(x, PLOT, { name: 'since the first block' }) +
      zoomable(id, PLOT, cuts.join('') + drawn.join('')),
    zoom: { plot: PLOT, scale: x.scale },
    points: values,
    legend:
      series.length > 1
        ? series.map((one, index) => ({ name: one.name, mark: markOfSeries(one, index) }))
        : [],
    table: {
      head: ['series', 'shown', 'fastest', 'slowest', 'slowest was at'],
      rows: series.map(({ name, points: own }) => {
        const slowest = own.reduce((worst, point) => (point[1] > worst[1] ? point : worst), [
          first,
          0,
        ] as const);
        const fastest = own.reduce((best, [, ns]) => Math.min(best, ns), Number.POSITIVE_INFINITY);
        const shown = own.length.toLocaleString('en-US');
        if (own.length === 0) return [name, '0', '–', '–', '–'];
        return [name, shown, time(fastest), time(slowest[1]), time(slowest[0] - first)];
      }),
    },
  });
}
