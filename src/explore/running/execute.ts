import { NATIVE } from '../control/controlled-atomics.ts';
import {
  ADD,
  AND,
  CAS,
  EXCHANGE,
  type IntegerArray,
  LOAD,
  LOCK,
  NOTIFY,
  OR,
  PLAIN_LOAD,
  PLAIN_STORE,
  type Point,
  QUEUE,
  READ,
  STORE,
  SUB,
  UNLOCK,
  type Value,
  WAIT,
  WRITE,
  XOR,
} from './operation.ts';

/**
 * Does one operation on the real memory; wait and notify belong to the queue.
 * @returns the result of the call.
 */
export function execute(point: Point): Value {
  const words = point.words;
  const i = point.index;
  if (words === undefined) return executeAny(point);
  const old = words[i] as number;
  const a = point.a as number;
  switch (point.op) {
    case LOAD:
    case PLAIN_LOAD:
      return old;
    case STORE:
    case PLAIN_STORE:
      words[i] = a;
      return a;
    case ADD:
      words[i] = old + a;
      return old;
    case SUB:
      words[i] = old - a;
      return old;
    case AND:
      words[i] = old & a;
      return old;
    case OR:
      words[i] = old | a;
      return old;
    case XOR:
      words[i] = old ^ a;
      return old;
    case EXCHANGE:
      words[i] = a;
      return old;
    case CAS:
      if (old === a) words[i] = point.b as number;
      return old;
    case LOCK:
      words[i] = 1;
      return undefined;
    case UNLOCK:
      words[i] = 0;
      return undefined;
    default:
      return undefined;
  }
}

function executeAny(point: Point): Value {
  const { op, index, a, b } = point;
  if (op === PLAIN_LOAD) return point.array[index];
  if (op === PLAIN_STORE) {
    point.array[index] = a as number;
    return a;
  }
  const array = point.array as IntegerArray;
  const native = NATIVE[op];
  if (op === CAS) return native?.(array, index, a, b);
  return native?.(array, index, a);
}

/** The value of the point's word now. */
export function valueAt(point: Point): Value {
  return point.words === undefined ? point.array[point.index] : point.words[point.index];
}

/** The effect of an operation that was done and answered; a failed compareExchange has only read. */
export function effectOf(point: Point, answer: Value): number {
  switch (point.op) {
    case LOAD:
    case PLAIN_LOAD:
      return READ;
    case CAS:
      return casTook(point, answer) ? READ | WRITE : READ;
    case STORE:
    case PLAIN_STORE:
      return WRITE;
    case WAIT:
      return answer === 'not-equal' ? READ : READ | QUEUE;
    case NOTIFY:
      return QUEUE;
    default:
      return READ | WRITE;
  }
}

/** Whether a compareExchange with that answer has stored. */
export function casTook(point: Point, answer: Value): boolean {
  return answer === narrow(point.array, point.a as number | bigint);
}

/** The value that an element of such an array holds after a write of `value`. */
export function narrow(array: Point['array'], value: number | bigint): number | bigint {
  if (typeof value === 'bigint')
    return array instanceof BigUint64Array ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
  // The low 32 bits of an integer; integers beyond 2^53 have already lost their low bits.
  const low = value | 0;
  switch (array.BYTES_PER_ELEMENT) {
    case 1:
      return array instanceof Int8Array ? (low << 24) >> 24 : low & 0xff;
    case 2:
      return array instanceof Int16Array ? (low << 16) >> 16 : low & 0xffff;
    default:
      return array instanceof Int32Array ? low : low >>> 0;
  }
}

type Bytes = Pick<Point, 'at' | 'size'>;

/** Whether two steps conflict: swapping them could change the result. */
export function conflicts(p: Bytes, pEffect: number, q: Bytes, qEffect: number): boolean {
  if (((pEffect | qEffect) & 8) !== 0) return true;
  if (p.at >= q.at + q.size || q.at >= p.at + p.size) return false;
  if ((pEffect & qEffect & QUEUE) !== 0) return true;
  return (
    ((pEffect | qEffect) & WRITE) !== 0 &&
    (pEffect & (READ | WRITE)) !== 0 &&
    (qEffect & (READ | WRITE)) !== 0
  );
}
