// Taken before their replacement; see controlled-views.ts.
const { compare } = Buffer;
const set = Function.prototype.call.bind(Uint8Array.prototype.set) as (
  to: Uint8Array,
  from: Uint8Array,
) => void;

/** Whether all bytes are equal. */
export function sameBytes(some: Uint8Array, others: Uint8Array): boolean {
  return compare(some, others) === 0;
}

/** Copies `from` to the beginning of `to`. */
export function setBytes(to: Uint8Array, from: Uint8Array): void {
  set(to, from);
}

/** A view of the bytes from `from` to before `until`. */
export function partOf(bytes: Uint8Array, from: number, until: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, until - from);
}

/** The first byte that differs between two arrays of the same length; -1 for none. */
export function firstDifference(some: Uint8Array, others: Uint8Array): number {
  if (sameBytes(some, others)) return -1;
  let i = 0;
  while (some[i] === others[i]) i++;
  return i;
}
