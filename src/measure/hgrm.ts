import type { Distribution } from './distribution.ts';

export type HgrmOptions = {
  /** The divisor of values: 1000 prints ns as µs. */
  readonly scale?: number;
  /** Steps in each half of the rest to 100 %. */
  readonly ticks?: number;
};

/** The percentile curve as text, in the `.hgrm` form that HdrHistogram's plotters read. */
export function formatHgrm(distribution: Distribution, { scale = 1, ticks = 5 }: HgrmOptions = {}): string {
  const { shape, stretches, subBuckets } = distribution.buckets;
  const value = column(12, shape.digits);
  const percentile = column(14, 12);
  const share = column(14, 2);
  const scaled = (number: number) => value(Number.isNaN(number) ? 0 : number / scale);

  const lines = ['       Value     Percentile TotalCount 1/(1-Percentile)', ''];
  for (const point of distribution.curve(ticks)) {
    const part = point.percentile / 100;
    const columns = [scaled(point.value), percentile(part), String(point.upTo).padStart(10)];
    if (part < 1) columns.push(share(1 / (1 - part)));
    lines.push(columns.join(' '));
  }
  const count = (number: number) => String(number).padStart(12);
  lines.push(
    `#[Mean    = ${scaled(distribution.mean)}, StdDeviation   = ${scaled(distribution.deviation)}]`,
    `#[Max     = ${scaled(distribution.max)}, Total count    = ${count(distribution.total)}]`,
    `#[Buckets = ${count(stretches)}, SubBuckets     = ${count(subBuckets)}]`,
  );
  return `${lines.join('\n')}\n`;
}

/** Rounds decimals as printed, half up: toFixed rounds the double's exact value, and would differ in the last digit. */
function column(width: number, decimals: number): (number: number) => string {
  const format = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    useGrouping: false,
  });
  return (number) => format.format(number).padStart(width);
}
