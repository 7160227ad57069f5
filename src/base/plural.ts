/** `1 device`, `2 devices`, `1,234 devices`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${Math.round(n).toLocaleString('en-US')} ${n === 1 ? one : many}`;
}
