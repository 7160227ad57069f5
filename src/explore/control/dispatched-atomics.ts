import {
  ADD,
  AND,
  CAS,
  EXCHANGE,
  type IntegerArray,
  LOAD,
  NOTIFY,
  OR,
  STORE,
  SUB,
  type Value,
  WAIT,
  XOR,
} from '../running/operation.ts';
import { ANSWERS_LATER, controller, NATIVE } from './controlled-atomics.ts';

type Method = (array: IntegerArray, index: number, a?: unknown, b?: unknown) => Value;

const native = (op: number): Method => NATIVE[op] as Method;

const load = native(LOAD);
const store = native(STORE);
const add = native(ADD);
const sub = native(SUB);
const and = native(AND);
const or = native(OR);
const xor = native(XOR);
const exchange = native(EXCHANGE);
const compareExchange = native(CAS);
const notify = native(NOTIFY);
const waitAsync = (Atomics as { waitAsync?: (...args: unknown[]) => unknown }).waitAsync;

/** The sleep outside of control: the engine's wait, or that of free threads. */
let sleep = native(WAIT);

let isInstalled = false;

/**
 * At each call, a function checks whether this thread is under control; if not, the function calls the
 * engine's own one.
 */
const DISPATCHERS = {
  load(array: IntegerArray, index: number): Value {
    return controller === undefined
      ? load(array, index)
      : controller.request(LOAD, array, index, undefined, undefined);
  },
  store(array: IntegerArray, index: number, value: unknown): Value {
    return controller === undefined
      ? store(array, index, value)
      : controller.request(STORE, array, index, value, undefined);
  },
  add(array: IntegerArray, index: number, value: unknown): Value {
    return controller === undefined
      ? add(array, index, value)
      : controller.request(ADD, array, index, value, undefined);
  },
  sub(array: IntegerArray, index: number, value: unknown): Value {
    return controller === undefined
      ? sub(array, index, value)
      : controller.request(SUB, array, index, value, undefined);
  },
  and(array: IntegerArray, index: number, value: unknown): Value {
    return controller === undefined
      ? and(array, index, value)
      : controller.request(AND, array, index, value, undefined);
  },
  or(array: IntegerArray, index: number, value: unknown): Value {
    return controller === undefined
      ? or(array, index, value)
      : controller.request(OR, array, index, value, undefined);
  },
  xor(array: IntegerArray, index: number, value: unknown): Value {
    return controller === undefined
      ? xor(array, index, value)
      : controller.request(XOR, array, index, value, undefined);
  },
  exchange(array: IntegerArray, index: number, value: unknown): Value {
    return controller === undefined
      ? exchange(array, index, value)
      : controller.request(EXCHANGE, array, index, value, undefined);
  },
  compareExchange(array: IntegerArray, index: number, expected: unknown, replacement: unknown): Value {
    return controller === undefined
      ? compareExchange(array, index, expected, replacement)
      : controller.request(CAS, array, index, expected, replacement);
  },
  wait(array: IntegerArray, index: number, value: unknown, timeout: unknown): Value {
    return controller === undefined
      ? sleep(array, index, value, timeout)
      : controller.request(WAIT, array, index, value, timeout);
  },
  notify(array: IntegerArray, index: number, count: unknown): Value {
    return controller === undefined
      ? notify(array, index, count)
      : controller.request(NOTIFY, array, index, count, undefined);
  },
};

/**
 * Puts functions into Atomics that check at each call whether this thread is under control. Call before any code under
 * test is loaded: then functions that the code takes out of Atomics (`const { load } = Atomics`) are under control too.
 */
export function dispatchAtomics(): void {
  if (isInstalled) return;
  isInstalled = true;
  Object.assign(Atomics, DISPATCHERS);
  keepFolder();
  if (waitAsync === undefined) return;
  Object.assign(Atomics, {
    waitAsync(array: IntegerArray, index: number, value: unknown, timeout: unknown): unknown {
      return controller === undefined
        ? waitAsync(array, index, value, timeout)
        : controller.refuse('Atomics.waitAsync', ANSWERS_LATER);
    },
  });
}

/** In a worker thread, process.cwd() reads a word of Node.js's own by Atomics: no operation of the code under test. */
function keepFolder(): void {
  const { cwd } = process;
  const folder = cwd();
  process.cwd = () => (controller === undefined ? cwd() : folder);
}

/**
 * Makes waits outside of control sleep in `other` instead of the engine's wait. Returns a function that undoes this.
 */
export function sleepIn(other: Method): () => void {
  const { wait } = Atomics;
  sleep = other;
  Object.assign(Atomics, { wait: other });
  return () => {
    sleep = native(WAIT);
    Object.assign(Atomics, { wait });
  };
}
