/** Numbers for people: always with their unit, never more digits than mean something. */
export { plural } from '../base/plural.ts';

const STEPS = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A rate, `2.06 M/s`. */
export function rate(perSecond: number): string {
  for (const [step, letter] of STEPS) if (perSecond >= step) return `${digits(perSecond / step)} ${letter}/s`;
  return `${digits(perSecond)} /s`;
}

/** A count where there is little room: `29.2 k`. */
export function shortCount(value: number): string {
  for (const [step, letter] of STEPS) if (value >= step) return `${digits(value / step)} ${letter}`;
  return String(Math.round(value));
}

/** A time given in ns: `812 ns`, `14.2 µs`, `3.1 ms`, `2.5 s`; a dash where there is none. */
export function time(ns: number | null): string {
  if (ns === null || Number.isNaN(ns)) return '–';
  if (ns >= 1e9) return `${digits(ns / 1e9)} s`;
  if (ns >= 1e6) return `${digits(ns / 1e6)} ms`;
  if (ns >= 1e3) return `${digits(ns / 1e3)} µs`;
  return `${Math.round(ns)} ns`;
}

/** A size in bytes: `12.3 MiB`. */
export function size(bytes: number): string {
  if (bytes >= 2 ** 20) return `${digits(bytes / 2 ** 20)} MiB`;
  return bytes >= 1024 ? `${digits(bytes / 1024)} KiB` : `${bytes} B`;
}

/** Three significant digits, as long as they are not less than the whole part. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A factor: `1.35 ×`; a dash where there is none. */
export function factor(value: number | null): string {
  return value === null || !Number.isFinite(value) ? '–' : `${digits(value)} ×`;
}
