/** `1 device`, `2 devices`, `1,234 devices`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${Math.round(n).toLocaleString('en-US')} ${n === 1 ? one : many}`;
}

/** A time up to some minutes, in seconds: `2 s`, `0.25 s`, `1.5 s`. */
export function sayTime(seconds: number): string {
  return `${Number(seconds.toPrecision(2))} s`;
}
