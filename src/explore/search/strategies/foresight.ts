import { effectOf, execute, narrow } from '../../running/execute.ts';
import {
  CAS,
  type ElementArray,
  EXCHANGE,
  PLAIN_STORE,
  Point,
  READ,
  STORE,
  WAIT,
  WRITE,
} from '../../running/operation.ts';
import type { Step } from '../dependence.ts';
import type { Cut, Trace } from './trace.ts';

const bytes = new Uint8Array(8);
const elements = new Map<string, ElementArray>(
  [
    new Int8Array(bytes.buffer),
    new Uint8Array(bytes.buffer),
    new Uint8ClampedArray(bytes.buffer),
    new Int16Array(bytes.buffer),
    new Uint16Array(bytes.buffer),
    new Int32Array(bytes.buffer),
    new Uint32Array(bytes.buffer),
    new BigInt64Array(bytes.buffer),
    new BigUint64Array(bytes.buffer),
    new Float32Array(bytes.buffer),
    new Float64Array(bytes.buffer),
  ].map((element): [string, ElementArray] => [element[Symbol.toStringTag], element]),
);

/** Two steps as they would be answered, one right after the other. */
export type Foreseen = { readonly a: Step; readonly x: Step };

/**
 * The effects that two steps would have after those of a cut, `a` first: a compareExchange takes place or does not, a wait
 * sleeps or does not.
 * @returns undefined where the trace does not show all bytes that decide.
 */
export function foresee(trace: Trace, cut: Cut, a: Step, x: Step): Foreseen | undefined {
  if (!dependsOnBytes(a) && !dependsOnBytes(x)) return { a, x };
  const before = bytesAfter(trace, cut, a.point);
  const itsEffect = effectOn(before, a);
  if (itsEffect === undefined) return undefined;
  if (!dependsOnBytes(x)) return { a: { ...a, effect: itsEffect }, x };
  const after = (itsEffect & WRITE) === 0 ? before : written(before, a.point);
  const seen = bytesAfter(trace, cut, x.point);
  for (let i = 0; i < x.point.size; i++) {
    const at = x.point.at + i - a.point.at;
    if (at >= 0 && at < a.point.size) seen[i] = after[at];
  }
  const effect = effectOn(seen, x);
  return effect === undefined ? undefined : { a: { ...a, effect: itsEffect }, x: { ...x, effect } };
}

function dependsOnBytes({ point }: Pick<Step, 'point'>): boolean {
  return point.op === CAS || point.op === WAIT;
}

type Bytes = (number | undefined)[];

function bytesAfter(trace: Trace, cut: Cut, { at, size }: Point): Bytes {
  return Array.from({ length: size }, (_, i) => trace.byteAt(cut, at + i));
}

/** The effect of a step on an element of such bytes; undefined where that depends on a byte that is not known. */
function effectOn(before: Bytes, { point, effect }: Step): number | undefined {
  if (!dependsOnBytes({ point })) return effect;
  const element = holding(before, point.array);
  if (element === undefined) return undefined;
  const isAsExpected = element[0] === narrow(point.array, point.a as number | bigint);
  if (point.op === WAIT) return isAsExpected ? effectOf(point, undefined) : READ;
  return isAsExpected ? READ | WRITE : READ;
}

/** The bytes of an element after a step that writes the element. */
function written(before: Bytes, { array, op, a, b }: Point): Bytes {
  const isOverwritten = op === STORE || op === PLAIN_STORE || op === EXCHANGE;
  const element = holding(isOverwritten ? before.map(() => 0) : before, array);
  if (element === undefined) return before.map(() => undefined);
  execute(new Point(op, element, 0, a, b, 0));
  return before.map((_, i) => bytes[i]);
}

/** A one-element array of the kind of `array` with the given bytes; the next call reuses the array. */
function holding(held: Bytes, array: ElementArray): ElementArray | undefined {
  for (const [i, byte] of held.entries()) {
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return elements.get(array[Symbol.toStringTag]);
}
