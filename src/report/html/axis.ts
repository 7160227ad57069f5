import { time } from '../units.ts';

/** Turns values into coordinates, and says where to put marks. */
export type Axis = {
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  /** The same for the script of the page, which writes marks of its own when a chart is zoomed. */
  readonly scale: Scale;
};

/**
 * Knots of an axis, ascending, with straight pieces between: a coordinate, and the value there, by `kind` as its logarithm
 * (base 10 or 2), its number of nines, or itself. `unit` is the unit of the values.
 */
export type Scale = {
  readonly kind: 'linear' | 'log' | 'doubling' | 'nines';
  readonly unit: 'ns' | 's' | '%' | '';
  readonly knots: readonly (readonly [coordinate: number, value: number])[];
};

type Span = readonly [from: number, to: number];

/** Times on a logarithmic axis, in whole decades that hold all values. */
export function logTime(values: readonly number[], span: Span): Axis {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  const low = positive.length > 0 ? Math.floor(Math.log10(Math.min(...positive))) : 2;
  const high = Math.max(low + 1, positive.length > 0 ? Math.ceil(Math.log10(Math.max(...positive))) : 6);
  const [from, to] = span;
  const place = (value: number) =>
    from + ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (to - from);
  const ticks = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step));
  return {
    at: place,
    ticks: ticks.map((value) => ({ value, text: round(time(value)) })),
    scale: { kind: 'log', unit: 'ns', knots: straight(span, low, high) },
  };
}

const straight = ([from, to]: Span, low: number, high: number): Scale['knots'] => [
  [from, low],
  [to, high],
];

/** `1 µs` and not `1.00 µs`: a mark is exact. */
function round(text: string): string {
  return text.replace(/\.0+(?= )|(?<=\.\d)0+(?= )/, '');
}

/** Numbers from 0 to a round one, with about `wanted` round marks. */
export function linear(highest: number, span: Span, text: (value: number) => string, wanted = 4): Axis {
  const step = roundStep(Math.max(highest, Number.MIN_VALUE) / wanted);
  return evenly(step, Math.max(step, Math.ceil(highest / step - 1e-9) * step), span, text);
}

/** As {@link linear}, but the axis ends at the last value: for a run, which has an end and no more. */
export function elapsed(last: number, span: Span, text: (value: number) => string, wanted = 5): Axis {
  const end = Math.max(last, Number.MIN_VALUE);
  return evenly(roundStep(end / wanted), end, span, text);
}

function evenly(step: number, end: number, [from, to]: Span, text: (value: number) => string): Axis {
  const ticks = Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step);
  return {
    at: (value) => from + (value / end) * (to - from),
    ticks: ticks.map((value) => ({ value, text: value === 0 ? '0' : round(text(value)) })),
    scale: { kind: 'linear', unit: 's', knots: straight([from, to], 0, end) },
  };
}

/** A stretch of at least this share of a run without a value is cut out. */
const CUT_FROM = 0.015;
/** Room for each cut, and for all together as a share of the axis. */
const CUT_ROOM = 6;
const CUTS_SHARE = 0.25;

/**
 * As {@link elapsed}, without the long stretches in which there is no value: `cuts` has the coordinate and the length of each.
 * @param values - in s, none below 0
 */
export function elapsedWithCuts(
  values: readonly number[],
  span: Span,
  text: (value: number) => string,
): Axis & { readonly cuts: readonly { readonly at: number; readonly seconds: number }[] } {
  const sorted = [...values].sort((a, b) => a - b);
  const last = Math.max(sorted.at(-1) ?? 0, Number.MIN_VALUE);
  const gaps = sorted.flatMap((value, index) => {
    const before = sorted[index - 1] ?? 0;
    return value - before >= CUT_FROM * last && index > 0 ? [[before, value] as const] : [];
  });
  if (gaps.length === 0) return { ...elapsed(last, span, text), cuts: [] };
  const [from, to] = span;
  const room = Math.min(CUT_ROOM, (CUTS_SHARE * (to - from)) / gaps.length);
  const shown = last - gaps.reduce((sum, [start, end]) => sum + end - start, 0);
  const perSecond = (to - from - room * gaps.length) / Math.max(shown, Number.MIN_VALUE);
  const knots: (readonly [number, number])[] = [[from, 0]];
  const cuts: { at: number; seconds: number }[] = [];
  let [at, since] = [from, 0];
  for (const [start, end] of gaps) {
    at += (start - since) * perSecond;
    cuts.push({ at: at + room / 2, seconds: end - start });
    knots.push([at, start], [at + room, end]);
    at += room;
    since = end;
  }
  knots.push([to, last]);
  const begins = [0, ...gaps.map(([, end]) => end)];
  return {
    at: (value) => between(knots, value),
    ticks: begins.map((value) => ({ value, text: value === 0 ? '0' : round(text(value)) })),
    scale: { kind: 'linear', unit: 's', knots },
    cuts,
  };
}

function between(knots: Scale['knots'], value: number): number {
  const index = Math.max(
    1,
    knots.findIndex(([, knot]) => knot >= value),
  );
  const [[a = 0, low = 0] = [], [b = 0, high = 0] = []] = knots.slice(index - 1, index + 1);
  return high === low ? a : a + ((value - low) / (high - low)) * (b - a);
}

/** The next 1, 2 or 5 times a power of ten. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const [step = 10] = [1, 2, 5, 10].filter((digit) => digit * power >= least * (1 - 1e-9));
  return step * power;
}

/** Powers of two, each a mark of its own; for counts that double. */
export function doublings(values: readonly number[], span: Span): Axis {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const low = Math.log2(sorted[0] ?? 1);
  const high = Math.max(low + 1, Math.log2(sorted.at(-1) ?? 2));
  const [from, to] = span;
  return {
    at: (value) => from + ((Math.log2(value) - low) / (high - low)) * (to - from),
    ticks: sorted.map((value) => ({ value, text: value.toLocaleString('en-US') })),
    scale: { kind: 'doubling', unit: '', knots: straight(span, low, high) },
  };
}

/**
 * Percentiles as HdrHistogram draws them: as far again for each nine. The axis ends where `count` values can still tell
 * something.
 */
export function nines(count: number, span: Span): Axis {
  const high = Math.max(2, Math.log10(Math.max(count, 1)));
  const [from, to] = span;
  const place = (percentile: number) =>
    from + (Math.min(high, -Math.log10(Math.max(1 - percentile / 100, 10 ** -high))) / high) * (to - from);
  const marks = [0, 90, 99, 99.9, 99.99, 99.999, 99.9999].filter(
    (percentile) => percentile === 0 || -Math.log10(1 - percentile / 100) <= high + 1e-9,
  );
  return {
    at: place,
    ticks: marks.map((value) => ({ value, text: `${value}%` })),
    scale: { kind: 'nines', unit: '%', knots: straight(span, 0, high) },
  };
}
