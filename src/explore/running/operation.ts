/** The integer typed arrays: all that Atomics accepts. */
export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** All typed arrays: plain reads and writes work on each of them. */
export type ElementArray = IntegerArray | Uint8ClampedArray | Float32Array | Float64Array;

/**
 * The name of an operation, as Atomics calls it. `lock` and `unlock` are the explorer's own (see abstract-lock.ts);
 * `read` and `write` are accesses to one element without Atomics (see plain.ts).
 */
export type OperationName =
  | 'load'
  | 'store'
  | 'add'
  | 'sub'
  | 'and'
  | 'or'
  | 'xor'
  | 'exchange'
  | 'compareExchange'
  | 'wait'
  | 'notify'
  | 'lock'
  | 'unlock'
  | 'timeout'
  | 'read'
  | 'write';

export const LOAD = 0;
export const STORE = 1;
export const ADD = 2;
export const SUB = 3;
export const AND = 4;
export const OR = 5;
export const XOR = 6;
export const EXCHANGE = 7;
export const CAS = 8;
export const WAIT = 9;
export const NOTIFY = 10;
export const LOCK = 11;
export const UNLOCK = 12;
/** No call of the program: the end of a wait whose time is up. It stands in traces and decisions only. */
export const TIMEOUT = 13;
/** One element read or written without Atomics. The last two of the sixteen codes that a token has room for. */
export const PLAIN_LOAD = 14;
export const PLAIN_STORE = 15;
/** Not operations: the thread has returned, or thrown. */
export const ENDED = 16;
export const FAILED = 17;

/** Names by code. */
export const OPERATION_NAMES: readonly OperationName[] = [
  'load',
  'store',
  'add',
  'sub',
  'and',
  'or',
  'xor',
  'exchange',
  'compareExchange',
  'wait',
  'notify',
  'lock',
  'unlock',
  'timeout',
  'read',
  'write',
];

/** What a step did to the value (READ, WRITE) and to the queue of waiters (QUEUE) at its address; ALL conflicts with every step. */
export const READ = 1;
export const WRITE = 2;
export const QUEUE = 4;
export const ALL = 8;

/** A value of an operation: numbers, BigInts for the 64-bit arrays, strings for what `Atomics.wait` returns. */
export type Value = number | bigint | string | undefined;

/**
 * Where a thread stands: the operation it will do next, or that it has ended or thrown. Points form a tree, one for
 * each thread: a thread's code is a function of the answers its operations got, so the point after an operation is
 * found by the answer, and the code need not run to find it again. Where answers were never seen to matter, all lead
 * to `next`; once one did (`sensitive`), each answer leads to a point of its own.
 */
export class Point {
  readonly op: number;
  /** The array as the code gave it, so that it is known again: itself, or a proxy of it; see view-proxy.ts. */
  handle: ElementArray;
  readonly array: ElementArray;
  readonly index: number;
  readonly a: Value;
  readonly b: Value;
  /** Address in the explorer's own numbering of shared bytes; see shared-memory.ts. */
  readonly at: number;
  readonly size: number;
  /** Int32Array with operands in range: executed in line. */
  readonly words: Int32Array | undefined;
  /** It may write its bytes. */
  readonly writes: boolean;
  /** For a wait with a timeout: when it is up, on the thread's clock without the time that operations take, ns. */
  readonly deadline: number;
  /** What the thread threw, where `op` is FAILED. */
  readonly thrown: unknown;
  next: Point | undefined = undefined;
  sensitive = false;
  /** Where it is sensitive: `next` is after this answer, and `branches` are after all others. */
  nextAnswer: Value = undefined;
  branches: Map<Value, Point> | undefined = undefined;
  /** Which element of which kind of view: the same for all points on it, and for no others. */
  readonly element: number;
  /**
   * Whether a thread may have to be held here: at a lock, or at a look that the thread was seen to repeat, and which may
   * be one of a loop that awaits a change.
   */
  mayHold: boolean;
  /** Its bytes in the numbering of data-races.ts, where races are looked for; -1 before. */
  cell = -1;
  /** What the thread's own clock had come to, but for the time that its operations take, ns. */
  clockNs = 0;
  /** Number of the operation in its thread, from 0, where points are shared by histories. */
  count = 0;

  constructor(
    op: number,
    array: ElementArray,
    index: number,
    a: Value,
    b: Value,
    at: number,
    deadline = Infinity,
    thrown: unknown = undefined,
  ) {
    this.op = op;
    this.handle = array;
    this.array = array;
    this.index = index;
    this.a = a;
    this.b = b;
    this.at = at;
    this.size = array.BYTES_PER_ELEMENT;
    this.element = at * 16 + kindOfView(array);
    this.mayHold = op === LOCK;
    this.words = array instanceof Int32Array && isInt32(a) && (op !== CAS || isInt32(b)) ? array : undefined;
    this.writes = op !== LOAD && op !== PLAIN_LOAD && op !== WAIT && op !== NOTIFY && op < ENDED;
    this.deadline = deadline;
    this.thrown = thrown;
  }
}

const VIEW_KINDS = [
  'Int8Array',
  'Uint8Array',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
  'Uint8ClampedArray',
  'Float32Array',
  'Float64Array',
];

/** A number for the kind of a view, whichever class it has: the same bytes read through another kind are another value. */
function kindOfView(array: ElementArray): number {
  return array instanceof Int32Array ? 4 : VIEW_KINDS.indexOf(array[Symbol.toStringTag]);
}

function isInt32(value: Value): boolean {
  return value === undefined || (typeof value === 'number' && (value | 0) === value);
}

/** One operation as a person reads it: `compareExchange(s.words[2], 0 → 1)`. */
export function describeOperation(op: number, target: string, a: Value, b: Value): string {
  const name = OPERATION_NAMES[op];
  if (name === undefined) return op === ENDED ? 'the end of the thread' : 'an exception';
  if (op === CAS) return `${name}(${target}, ${format(a)} → ${format(b)})`;
  if (op === WAIT && b !== undefined) return `${name}(${target}, ${format(a)}, ${format(b)} ms)`;
  return a === undefined ? `${name}(${target})` : `${name}(${target}, ${format(a)})`;
}

/** A value for people and JSON: BigInts with their `n`. */
export function format(value: Value): string {
  return typeof value === 'bigint' ? `${value}n` : String(value);
}
