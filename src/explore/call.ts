import { IrqError } from '../errors/irq-error.ts';
import { NATIVE } from './controlled-atomics.ts';
import {
  CAS,
  type IntegerArray,
  LOAD,
  LOCK,
  NOTIFY,
  Point,
  STORE,
  UNLOCK,
  type Value,
  WAIT,
} from './operation.ts';

/**
 * A call of Atomics as the operation it asks for, with its operands converted and checked as the engine does it.
 * @param base - the address of the array's first byte.
 * @param nowNs - the thread's own time, from which a timeout counts.
 */
export function toPoint(
  op: number,
  array: IntegerArray,
  index: number,
  a: unknown,
  b: unknown,
  base: number,
  nowNs: number,
): Point {
  // The engine's own checks, with its own errors: index, and for wait and notify the kind of the array.
  if (op === WAIT || op === NOTIFY) NATIVE[NOTIFY]?.(array, index, 0);
  else if (!(index >>> 0 === index && index < array.length)) NATIVE[LOAD]?.(array, index);
  const at = base + index * array.BYTES_PER_ELEMENT;
  const big = array instanceof BigInt64Array || array instanceof BigUint64Array;
  if (op === LOAD || op === LOCK || op === UNLOCK)
    return new Point(op, array, index, undefined, undefined, at);
  if (op === NOTIFY)
    return new Point(op, array, index, a === undefined ? undefined : toCount(a), undefined, at);
  const first = big ? toBigInt(a) : toInteger(a);
  if (op === CAS) return new Point(op, array, index, first, big ? toBigInt(b) : toInteger(b), at);
  if (op === WAIT) {
    const expected = typeof first === 'bigint' ? BigInt.asIntN(64, first) : first | 0;
    const ms = b === undefined ? Infinity : toTimeout(b);
    const deadline = nowNs + ms * 1e6;
    return new Point(op, array, index, expected, ms === Infinity ? undefined : ms, at, deadline);
  }
  return new Point(op, array, index, first, undefined, at);
}

/** An operation outside all threads, or on memory that no two threads share: done by the engine. */
export function outside(op: number, array: IntegerArray, index: number, a: unknown, b: unknown): Value {
  if (op === LOCK || op === UNLOCK) {
    NATIVE[STORE]?.(array, index, op === LOCK ? 1 : 0);
    return undefined;
  }
  if (op === WAIT) {
    // Nobody else could wake this thread, and the engine would sleep for good.
    const now = NATIVE[WAIT]?.(array, index, a, 0);
    if (now !== 'timed-out' || (b !== undefined && toTimeout(b) < Infinity)) return now;
    throw new IrqError(
      'ERR_UNSUPPORTED',
      'Atomics.wait without a timeout on memory that no other thread of the scenario shares would never end: make the memory in setup and return it in the state',
    );
  }
  const native = NATIVE[op];
  if (op === LOAD) return native?.(array, index);
  if (op === CAS) return native?.(array, index, a, b);
  return native?.(array, index, a);
}

function toInteger(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isNaN(number) ? 0 : number + 0;
}

function toBigInt(value: unknown): bigint {
  // As the engine does: a number is an error here, a string is not.
  if (typeof value === 'number') throw new TypeError(`Cannot convert ${value} to a BigInt`);
  return BigInt(value as bigint);
}

function toCount(value: unknown): number {
  return Math.max(0, toInteger(value));
}

function toTimeout(value: unknown): number {
  const ms = Number(value);
  return Number.isNaN(ms) ? Infinity : Math.max(0, ms);
}
