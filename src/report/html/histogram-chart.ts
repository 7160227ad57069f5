import type { Distribution } from '../../measure/distribution.ts';
import { count, time } from '../units.ts';
import { logTime } from './axis.ts';
import { figure, zoomable } from './figure.ts';
import { across, horizontalAxis, type Plot, WIDTH } from './frame.ts';
import { element, escaped, label } from './markup.ts';
import { markOfSeries, type Series } from './percentile-chart.ts';

const ROW = 48;
const GAP = 8;
const TOP = 6;
const LEFT = 84;
/** Bars in a decade. */
const BARS = 12;

/** A histogram for each series, above each other over one axis of time: where they lie, and whether they have two humps. */
export function histogramChart(id: string, title: string, text: string, series: readonly Series[]): string {
  const bottom = TOP + series.length * ROW;
  const plot: Plot = { left: LEFT, right: WIDTH - 14, top: TOP, bottom };
  const drawn = series.filter(({ distribution }) => distribution.total > 0);
  const x = logTime(
    drawn.flatMap(({ distribution }) => [Math.max(1, distribution.min), distribution.max]),
    across(plot),
  );
  const rows = series.map((one, index) => {
    const { name, distribution } = one;
    const base = TOP + (index + 1) * ROW - 1;
    const bars = barsOf(distribution);
    const tallest = Math.max(1, ...bars.map((bar) => bar.count));
    const shapes = bars.map(({ from, to, count: n }) => {
      const height = Math.max(1, ((ROW - GAP) * n) / tallest);
      const [left, right] = [x.at(from), x.at(to)];
      const said = `<title>${escaped(name)}: ${count(n)} from ${time(from)} to ${time(to)}</title>`;
      return element(
        'rect',
        { class: 'fill', x: left, y: base - height, width: Math.max(1, right - left - 1), height },
        said,
      );
    });
    const half = x.at(distribution.percentile(50));
    const median =
      distribution.total === 0
        ? ''
        : element('line', { class: 'mark', x1: half, x2: half, y1: base - ROW + GAP, y2: base });
    const moves = element('g', { class: markOfSeries(one, index) }, shapes.join('')) + median;
    const stays =
      label(LEFT - 8, base - 18, name, { anchor: 'end', kind: 'name' }) +
      label(LEFT - 8, base - 4, time(distribution.percentile(50)), { anchor: 'end' }) +
      element('line', { class: 'gridline', x1: LEFT, x2: plot.right, y1: base, y2: base });
    return { moves, stays };
  });
  return figure({
    id,
    title,
    text,
    width: WIDTH,
    height: bottom + 24,
    drawing:
      horizontalAxis(x, plot) +
      rows.map(({ stays }) => stays).join('') +
      zoomable(id, plot, rows.map(({ moves }) => moves).join('')),
    zoom: { plot, scale: x.scale },
    table: {
      narrow: ['series', 'count', 'median', 'max'],
      head: ['series', 'count', 'min', 'median', 'mean', 'max', 'tallest bar'],
      rows: series.map(({ name, distribution }) => {
        const bars = barsOf(distribution);
        const tallest = bars.reduce((best, bar) => (bar.count > best.count ? bar : best), {
          from: Number.NaN,
          to: Number.NaN,
          count: 0,
        });
        return [
          name,
          count(distribution.total),
          time(distribution.min),
          time(distribution.percentile(50)),
          time(distribution.mean),
          time(distribution.max),
          `${time(tallest.from)} to ${time(tallest.to)}`,
        ];
      }),
    },
  });
}

type Bar = { readonly from: number; readonly to: number; readonly count: number };

/** Counts in bars of equal width on a logarithmic axis. */
function barsOf(distribution: Distribution): Bar[] {
  const counts = new Map<number, number>();
  for (const { from, to, count: n } of distribution.bars()) {
    const bar = Math.floor(BARS * Math.log10(Math.max(1, (from + to) / 2)));
    counts.set(bar, (counts.get(bar) ?? 0) + n);
  }
  return [...counts].map(([bar, n]) => ({
    from: 10 ** (bar / BARS),
    to: 10 ** ((bar + 1) / BARS),
    count: n,
  }));
}
