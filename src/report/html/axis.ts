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
  return { at: place, ticks: ticks.map((value) => ({ value, text: decade(value) })) };
}

/** `1 µs`, `100 ms`: a power of ten without decimals. */
function decade(ns: number): string {
  return time(ns).replace(/\.0+(?= )/, '');
}

/** Numbers from 0, with about `wanted` round marks. */
export function linear(highest: number, span: Span, text: (value: number) => string, wanted = 4): Axis {
  const [from, to] = span;
  const step = roundStep(Math.max(highest, Number.MIN_VALUE) / wanted);
  const end = Math.max(step, Math.ceil(highest / step - 1e-9) * step);
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  return {
    at: (value) => from + (value / end) * (to - from),
    ticks: ticks.map((value) => ({ value, text: value === 0 ? '0' : text(value) })),
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
