import type { Distribution } from '../../measure/distribution.ts';
import { time } from '../units.ts';
import { logTime, nines } from './axis.ts';
import { type ChartPoint, figure, zoomable } from './figure.ts';
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

/** Latencies under a name. */
export type Series = {
  readonly name: string;
  readonly distribution: Distribution;
  /** A class of the style, in place of the class by the order of the series. */
  readonly mark?: string;
};

/** The class of series `index`. */
export function markOfSeries({ mark }: { readonly mark?: string }, index: number): string {
  return mark ?? markOf(index);
}

const HEIGHT = 270;
const PLOT: Plot = { left: 52, right: WIDTH - 14, top: 10, bottom: HEIGHT - 38 };
const MARKED = [50, 90, 99, 99.9] as const;

/** Percentile curves as HdrHistogram draws them: each nine takes as much room as the one before. */
export function percentileChart(id: string, title: string, text: string, series: readonly Series[]): string {
  const drawn = series.filter(({ distribution }) => distribution.total > 0);
  const most = Math.max(1, ...drawn.map(({ distribution }) => distribution.total));
  const spread = drawn.flatMap(({ distribution }) => [Math.max(1, distribution.min), distribution.max]);
  const y = logTime(spread, upwards(PLOT));
  const x = nines(most, across(PLOT));
  const curves = series.map((one, index) => {
    const { name, distribution } = one;
    if (distribution.total === 0) return '';
    const mark = markOfSeries(one, index);
    const points = [...distribution.curve(5)].map(
      ({ percentile, value }) => [x.at(percentile), y.at(value)] as const,
    );
    const dots = MARKED.map((percentile) => {
      const value = distribution.percentile(percentile);
      const said = `<title>${escaped(name)}: ${percentile} % within ${time(value)}</title>`;
      return roundDot(x.at(percentile), y.at(value), said);
    });
    return element(
      'g',
      { class: mark, 'data-series': index },
      element('path', { class: 'curve', d: pathThrough(points) }) + dots.join(''),
    );
  });
  const values = series.flatMap(({ name, distribution }, index) =>
    distribution.total === 0
      ? []
      : [...distribution.curve(5)].map(({ percentile, value }): ChartPoint => {
          const said = `${name}: ${Number(percentile.toFixed(4))} % within ${time(value)}`;
          return [index, Math.round(10 * x.at(percentile)) / 10, Math.round(10 * y.at(value)) / 10, said];
        }),
  );
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: HEIGHT,
    drawing:
      verticalAxis(y, PLOT) +
      horizontalAxis(x, PLOT, { name: 'percentile' }) +
      zoomable(id, PLOT, curves.join('')),
    zoom: { plot: PLOT, scale: x.scale },
    points: values,
    legend:
      series.length > 1
        ? series.map((one, index) => ({ name: one.name, mark: markOfSeries(one, index) }))
        : [],
    table: {
      narrow: ['series', 'count', 'p50', 'p99', 'max'],
      head: ['series', 'count', ...MARKED.map((percentile) => `p${percentile}`), 'max'],
      rows: series.map(({ name, distribution }) => [
        name,
        distribution.total.toLocaleString('en-US'),
        ...MARKED.map((percentile) => time(distribution.percentile(percentile))),
        time(distribution.max),
      ]),
    },
  });
}
