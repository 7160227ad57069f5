import type { Axis } from './axis.ts';
import { element, label } from './markup.ts';

/** The rectangle of a chart's drawing, within its SVG. */
export type Plot = {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
};

/** Charts are drawn for a phone: at that width their text has its own size; on a larger screen the text grows. */
export const WIDTH = 420;

export const across = ({ left, right }: Plot): readonly [number, number] => [left, right];
export const upwards = ({ bottom, top }: Plot): readonly [number, number] => [bottom, top];

/** How wide a character of a mark is at most: on a phone, where the text of a chart is larger. */
const CHARACTER = 7.6;
const BESIDE = 5;
/** Room right of a plot that a mark may take. */
const MARGIN = 12;

type Marks = {
  /** Of the axis. */
  readonly name?: string;
  readonly character?: number;
  readonly margin?: number;
};

/**
 * Grid, marks and names of a horizontal axis, under the plot. The first and the last mark have names, and so does each mark
 * between whose name touches no other.
 */
export function horizontalAxis(axis: Pick<Axis, 'at' | 'ticks'>, plot: Plot, marked: Marks = {}): string {
  const { name = '', character = CHARACTER, margin = MARGIN } = marked;
  const placed = axis.ticks.map(({ value, text }) => {
    const x = axis.at(value);
    const half = (text.length * character) / 2;
    return { x, text, half, middle: Math.min(x, plot.right + margin - half) };
  });
  const last = placed.at(-1);
  let end = Number.NEGATIVE_INFINITY;
  const marks = placed.map((mark) => {
    const { x, text, half, middle } = mark;
    const line = element('line', { class: 'gridline', x1: x, x2: x, y1: plot.top, y2: plot.bottom });
    const limit = mark === last || !last ? Number.POSITIVE_INFINITY : last.middle - last.half - BESIDE;
    if (middle - half < end || middle + half > limit) return line;
    end = middle + half + BESIDE;
    return line + label(middle, plot.bottom + 16, text, { anchor: 'middle' });
  });
  const base = element('line', {
    class: 'axis',
    x1: plot.left,
    x2: plot.right,
    y1: plot.bottom,
    y2: plot.bottom,
  });
  const title = name === '' ? '' : label(plot.right, plot.bottom + 31, name, { anchor: 'end' });
  return element('g', { class: 'ticks' }, marks.join('')) + base + title;
}

/** Grid and marks of a vertical axis, left of the plot. */
export function verticalAxis(axis: Axis, plot: Plot): string {
  return axis.ticks
    .map(({ value, text }) => {
      const y = axis.at(value);
      const line = element('line', { class: 'gridline', x1: plot.left, x2: plot.right, y1: y, y2: y });
      return line + label(plot.left - 6, y + 4, text, { anchor: 'end' });
    })
    .join('');
}

/** A line through points, for the attribute `d`. */
export function pathThrough(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

/** A dot that stays round when its chart is zoomed: a line of no length with round ends. `inner` is the dot's `<title>`. */
export function roundDot(x: number, y: number, inner: string): string {
  return element('path', { class: 'spot', d: `M${x.toFixed(1)} ${y.toFixed(1)}h0` }, inner);
}

/** The class that tells series `index` apart: of eight colours, and broken strokes where the colours come again. */
export function markOf(index: number): string {
  return `c${index % 8}${index < 8 ? '' : ' again'}`;
}
