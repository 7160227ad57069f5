import { IrqError } from '../../base/irq-error.ts';
import {
  CAS,
  type ElementArray,
  type IntegerArray,
  LOAD,
  LOCK,
  NOTIFY,
  PLAIN_LOAD,
  PLAIN_STORE,
  Point,
  STORE,
  UNLOCK,
  type Value,
  WAIT,
} from '../running/operation.ts';
import { noteElement } from '../running/round-marks.ts';
import { NATIVE } from './controlled-atomics.ts';

/** The operands of a call after ECMAScript's conversions. */
export type Operands = { readonly index: number; readonly a: Value; readonly b: Value };

/** Wider than any BigInt of a program: `asIntN` then converts without truncating. */
const ALL_BITS = Number.MAX_SAFE_INTEGER;

/** Whether the operation takes an array of this kind; if not, {@link outside} throws the engine's own TypeError. */
export function accepts(op: number, array: ElementArray): boolean {
  if (op >= PLAIN_LOAD || op === LOCK || op === UNLOCK) return 'BYTES_PER_ELEMENT' in array;
  if (op === WAIT || op === NOTIFY) return array instanceof Int32Array || array instanceof BigInt64Array;
  return isIntegerArray(array);
}

/** Whether {@link convert} would leave the operands unchanged: nearly always true. */
export function isConverted(op: number, array: ElementArray, index: number, a: unknown, b: unknown): boolean {
  if (typeof index !== 'number' || index >>> 0 !== index || index >= array.length) return false;
  switch (op) {
    case LOAD:
    case PLAIN_LOAD:
    case LOCK:
    case UNLOCK:
      return true;
    case NOTIFY:
      return a === undefined || (isInteger(a) && (a as number) >= 0);
    case PLAIN_STORE:
      return typeof a === (isBig(array) ? 'bigint' : 'number');
    case WAIT:
      return (
        (typeof a === 'bigint' ? BigInt.asIntN(64, a) === a && isBig(array) : a === ((a as number) | 0)) &&
        typeof a === (isBig(array) ? 'bigint' : 'number') &&
        (b === undefined || (typeof b === 'number' && b >= 0 && b < Infinity))
      );
    case CAS:
      return isOperand(array, a) && isOperand(array, b);
    default:
      return isOperand(array, a);
  }
}

/**
 * Converts the operands of a call as ECMAScript does, in its order: first the index, then the values. Throws the
 * engine's errors.
 * @returns undefined if there is nothing to do: a plain access beyond the end of the array.
 */
export function convert(
  op: number,
  array: ElementArray,
  index: unknown,
  a: unknown,
  b: unknown,
): Operands | undefined {
  if (op >= PLAIN_LOAD) {
    const value = op === PLAIN_STORE ? toElement(array, a) : undefined;
    return isIndexOf(array, index) ? { index: index + 0, a: value, b: b as Value } : undefined;
  }
  const at = toIndex(array as IntegerArray, index);
  switch (op) {
    case LOAD:
    case LOCK:
    case UNLOCK:
      return { index: at, a: undefined, b: undefined };
    case NOTIFY:
      return { index: at, a: a === undefined ? undefined : Math.max(0, toInteger(a)), b: undefined };
    case WAIT: {
      const expected = isBig(array) ? BigInt.asIntN(64, a as bigint) : (a as number) | 0;
      const ms = +(b as number);
      return { index: at, a: expected, b: Number.isNaN(ms) || ms === Infinity ? undefined : Math.max(0, ms) };
    }
    case CAS: {
      const expected = toOperand(array, a);
      return { index: at, a: expected, b: toOperand(array, b) };
    }
    default:
      return { index: at, a: toOperand(array, a), b: undefined };
  }
}

/**
 * Makes the point of a call of Atomics, or of a plain access, from converted operands.
 * @param base - the address of the array's first byte.
 * @param nowNs - the thread's own time, from which a timeout counts.
 */
export function toPoint(
  op: number,
  array: ElementArray,
  index: number,
  a: unknown,
  b: unknown,
  base: number,
  nowNs: number,
): Point {
  const at = base + index * array.BYTES_PER_ELEMENT;
  const deadline = op === WAIT && b !== undefined ? nowNs + (b as number) * 1e6 : Infinity;
  return new Point(op, array, index, a as Value, b as Value, at, deadline);
}

/** Reads an element, for any operands of a call, without running code under test. */
function elementAt(view: unknown, index: unknown): unknown {
  return typeof index === 'number' && ArrayBuffer.isView(view) ? (view as ElementArray)[index] : undefined;
}

/** Lets the engine do an operation outside all threads, or on memory that no two threads share. */
export function outside(op: number, view: ElementArray, index: number, a: unknown, b: unknown): Value {
  if (op === PLAIN_LOAD) return view[index];
  const before = elementAt(view, index);
  if (op === PLAIN_STORE) {
    view[index] = a as number;
    noteElement(before, elementAt(view, index));
    return a as Value;
  }
  const array = view as IntegerArray;
  if (op === LOCK || op === UNLOCK) {
    NATIVE[STORE]?.(array, index, op === LOCK ? 1 : 0);
    return undefined;
  }
  if (op === WAIT) {
    // No other thread could wake this one: the engine would sleep forever.
    const now = NATIVE[WAIT]?.(array, index, a, 0);
    if (now !== 'timed-out' || (b !== undefined && toTimeout(b) < Infinity)) return now;
    throw new IrqError(
      'ERR_UNSUPPORTED',
      'Atomics.wait without a timeout on memory that no other thread of the scenario shares would never end: make the memory in setup and return it in the state',
    );
  }
  const native = NATIVE[op];
  if (op === LOAD) return native?.(array, index);
  const answer = op === CAS ? native?.(array, index, a, b) : native?.(array, index, a);
  noteElement(before, elementAt(view, index));
  return answer;
}

/** Converts a value as an assignment to an element does, before truncation to the element's width. */
export function toElement(array: ElementArray, value: unknown): number | bigint {
  return isBig(array) ? BigInt.asIntN(ALL_BITS, value as bigint) : +(value as number);
}

function isIndexOf(array: ElementArray, index: unknown): index is number {
  return typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < array.length;
}

/** ToIndex, with the check against the array's length. */
function toIndex(array: IntegerArray, value: unknown): number {
  const index = toInteger(value);
  // Throws the engine's own RangeError.
  if (!(index >= 0 && index < array.length)) NATIVE[LOAD]?.(array, array.length);
  return index;
}

function toOperand(array: ElementArray, value: unknown): number | bigint {
  return isBig(array) ? BigInt.asIntN(ALL_BITS, value as bigint) : toInteger(value);
}

/** ToIntegerOrInfinity. Throws a TypeError for BigInts and symbols, as unary plus does. */
function toInteger(value: unknown): number {
  const number = +(value as number);
  return Number.isNaN(number) ? 0 : Math.trunc(number) + 0;
}

function isOperand(array: ElementArray, value: unknown): boolean {
  return isBig(array) ? typeof value === 'bigint' : isInteger(value);
}

/** Whether ToIntegerOrInfinity leaves the value unchanged. */
function isInteger(value: unknown): boolean {
  return typeof value === 'number' && Math.trunc(value) === value && !Object.is(value, -0);
}

function isBig(array: ElementArray): boolean {
  return array instanceof BigInt64Array || array instanceof BigUint64Array;
}

function isIntegerArray(array: ElementArray): boolean {
  return !(
    array instanceof Float64Array ||
    array instanceof Float32Array ||
    array instanceof Uint8ClampedArray ||
    !('BYTES_PER_ELEMENT' in array)
  );
}

function toTimeout(value: unknown): number {
  const ms = Number(value);
  return Number.isNaN(ms) ? Infinity : Math.max(0, ms);
}
