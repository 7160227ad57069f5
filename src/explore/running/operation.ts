/** The integer typed arrays, which Atomics accepts. */
export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** All typed arrays: plain reads and writes work on each. */
export type ElementArray = IntegerArray | Uint8ClampedArray | Float32Array | Float64Array;

/**
 * The name of an operation: the name of the function of Atomics. `lock` and `unlock` are the explorer's own
 * (see abstract-lock.ts); `read` and `write` are accesses to one element without Atomics (see plain.ts).
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
/** No call of the program: the end of a wait by timeout. Occurs only in traces and decisions. */
export const TIMEOUT = 13;
/** One element read or written without Atomics. The last two of the sixteen codes of a token. */
export const PLAIN_LOAD = 14;
export const PLAIN_STORE = 15;
/** No operations: the thread has returned, or thrown. */
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

/**
 * The effect of a step on the value (READ, WRITE) and on the queue of waiters (QUEUE) at its address; ALL conflicts
 * with every step.
 */
export const READ = 1;
export const WRITE = 2;
export const QUEUE = 4;
export const ALL = 8;

/** A value of an operation: numbers, BigInts for the 64-bit arrays, strings as the results of `Atomics.wait`. */
export type Value = number | bigint | string | undefined;

/**
 * The position of a thread: its next operation, or its end. Points form a tree for each thread. A thread's code is a
 * function of its answers, so the answer to an operation leads to the next point, and the code need not run again to
 * find that point. While answers are not known to matter, all lead to `next`; once one matters (`sensitive`), each
 * answer leads to a point of its own.
 */
export class Point {
  readonly op: number;
  /** The array as the code passed it, for recognition: itself, or its proxy; see view-proxy.ts. */
  handle: ElementArray;
  readonly array: ElementArray;
  readonly index: number;
  readonly a: Value;
  readonly b: Value;
  /** Address in the explorer's own numbering of shared bytes; see shared-memory.ts. */
  readonly at: number;
  readonly size: number;
  /** An Int32Array with operands in range: executed inline. */
  readonly words: Int32Array | undefined;
  /** Whether the operation may write its bytes. */
  readonly writes: boolean;
  /** Of a wait with a timeout: the thread's clock at the timeout, without the time of operations, ns. */
  readonly deadline: number;
  /** The error of the thread, if `op` is FAILED. */
  readonly thrown: unknown;
  next: Point | undefined = undefined;
  sensitive = false;
  /** If sensitive: `next` follows this answer, and `branches` follow all others. */
  nextAnswer: Value = undefined;
  branches: Map<Value, Point> | undefined = undefined;
  /** The element and the kind of view, as one number. */
  readonly element: number;
  /** Whether a thread may be held here: at a lock, or at a repeated look that may await a change. */
  mayHold: boolean;
  /** The cell of its bytes in data-races.ts; -1 before. */
  cell = -1;
  /** The thread's own clock at this point, without the time of its operations, ns. */
  clockNs = 0;
  /** The number of the operation in its thread, from 0, if histories share points. */
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

/** The kind of a view, independent of its class: another kind reads another value from the same bytes. */
function kindOfView(array: ElementArray): number {
  return array instanceof Int32Array ? 4 : VIEW_KINDS.indexOf(array[Symbol.toStringTag]);
}

function isInt32(value: Value): boolean {
  return value === undefined || (typeof value === 'number' && (value | 0) === value);
}

/** One operation for people: `compareExchange(s.words[2], 0 → 1)`. */
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
