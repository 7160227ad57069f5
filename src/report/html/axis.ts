import { time } from '../units.ts';

/** Turns values into coordinates, and says where to put marks. */
export type Axis = {
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
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
  return { at: place, ticks: ticks.map((value) => ({ value, text: round(time(value)) })) };
}

/** `1 µs` and not `1.00 µs`: a mark is where it says, to the last digit. */
function round(text: string): string {
  return text.replace(/\.0+(?= )|(?<=\.\d)0+(?= )/, '');
}

/** Numbers from 0 to a round one, with about `wanted` round marks. */
export function linear(highest: number, span: Span, text: (value: number) => string, wanted = 4): Axis {
  const step = roundStep(Math.max(highest, Number.MIN_VALUE) / wanted);
  return evenly(step, Math.max(step, Math.ceil(highest / step - 1e-9) * step), span, text);
}

/** As {@link linear}, but it ends where the values do: for a run, which has an end and no more. */
export function elapsed(last: number, span: Span, text: (value: number) => string, wanted = 5): Axis {
  const end = Math.max(last, Number.MIN_VALUE);
  return evenly(roundStep(end / wanted), end, span, text);
}

function evenly(step: number, end: number, [from, to]: Span, text: (value: number) => string): Axis {
  const ticks = Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step);
  return {
    at: (value) => from + (value / end) * (to - from),
    ticks: ticks.map((value) => ({ value, text: value === 0 ? '0' : round(text(value)) })),
  };
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
  return { at: place, ticks: marks.map((value) => ({ value, text: `${value}%` })) };
}
