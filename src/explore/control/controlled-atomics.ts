import { IrqError } from '../../base/irq-error.ts';
import {
  ADD,
  AND,
  CAS,
  type ElementArray,
  EXCHANGE,
  type IntegerArray,
  LOAD,
  LOCK,
  NOTIFY,
  OR,
  STORE,
  SUB,
  UNLOCK,
  type Value,
  WAIT,
  XOR,
} from '../running/operation.ts';
import { cannotReplace } from './replacements.ts';

/** Answers the operations of controlled threads in place of the engine. */
export type Controller = {
  /** Called for each operation, on any memory. Throws to stop the thread. */
  request(op: number, array: ElementArray, index: number, a: unknown, b: unknown): Value;
  /** Whether accesses to this view are operations now: its memory is the scenario's, and scenario code runs. */
  controls(view: ArrayBufferView): boolean;
  /**
   * Returns the stand-in that the running code gets for a view made by that code; the view itself for private
   * memory.
   */
  handOut<V extends ArrayBufferView>(view: V): V;
  /** Records that the running code has made a SharedArrayBuffer. */
  made(buffer: SharedArrayBuffer): void;
  /** Stops the running code because of an action that no search can control. Outside of threads: throws. */
  refuse(what: string, why: string): never;
};

type Method = (array: IntegerArray, index: number, a?: unknown, b?: unknown) => Value;
type Methods = Record<
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
  | 'notify',
  Method
>;

// The real object; TypeScript's view of it has one overload per array kind, which a table of operations cannot use.
const atomics = Atomics as unknown as Methods & { waitAsync?: unknown };

/** The engine's own operations by code, taken before any replacement. */
export const NATIVE: readonly Method[] = [
  atomics.load,
  atomics.store,
  atomics.add,
  atomics.sub,
  atomics.and,
  atomics.or,
  atomics.xor,
  atomics.exchange,
  atomics.compareExchange,
  atomics.wait,
  atomics.notify,
];

/** Answers the operations of this thread; undefined: the engine does. plain.ts reads this at each access. */
export let controller: Controller | undefined;

/** The reason for refusing `Atomics.waitAsync`. */
export const ANSWERS_LATER =
  'its answer comes to the event loop, and threads here run to their end without one. Use Atomics.wait, or a loop over Atomics.load';

/**
 * Replaces the methods of Atomics in place, runs `body`, and puts the methods back however `body` ends. In place, to
 * control code that has kept the Atomics object or is already compiled; only a method taken out earlier
 * (`const { add } = Atomics`) escapes.
 */
export function withControlledAtomics<T>(control: Controller, body: () => T): T {
  if (controller !== undefined) {
    throw new IrqError(
      'ERR_USAGE',
      'an exploration is already running in this thread; one cannot be started inside another',
    );
  }
  const saved = Object.getOwnPropertyDescriptors(atomics);
  requireOpen();
  controller = control;
  try {
    replaceMethods(control);
    return body();
  } finally {
    controller = undefined;
    requireOpen();
    Object.defineProperties(atomics, saved);
  }
}

/** @throws IrqError `ERR_UNSUPPORTED` if code under test has frozen Atomics */
function requireOpen(): void {
  if (Object.getOwnPropertyDescriptor(atomics, 'load')?.writable !== true)
    throw cannotReplace(atomics, 'load');
}

/** Whether this thread's Atomics are replaced now. */
export function isControlled(): boolean {
  return controller !== undefined;
}

/** Takes an abstract lock: one step, enabled only while the word is 0. Only under control. */
export function requestLock(words: Int32Array, index: number): boolean {
  controller?.request(LOCK, words, index, undefined, undefined);
  return controller !== undefined;
}

/** Frees an abstract lock, in one step. Only under control. */
export function requestUnlock(words: Int32Array, index: number): boolean {
  controller?.request(UNLOCK, words, index, undefined, undefined);
  return controller !== undefined;
}

function replaceMethods(control: Controller): void {
  const nothing = undefined;
  atomics.load = function load(array, index) {
    return control.request(LOAD, array, index, nothing, nothing);
  };
  atomics.store = function store(array, index, value) {
    return control.request(STORE, array, index, value, nothing);
  };
  atomics.add = function add(array, index, value) {
    return control.request(ADD, array, index, value, nothing);
  };
  atomics.sub = function sub(array, index, value) {
    return control.request(SUB, array, index, value, nothing);
  };
  atomics.and = function and(array, index, value) {
    return control.request(AND, array, index, value, nothing);
  };
  atomics.or = function or(array, index, value) {
    return control.request(OR, array, index, value, nothing);
  };
  atomics.xor = function xor(array, index, value) {
    return control.request(XOR, array, index, value, nothing);
  };
  atomics.exchange = function exchange(array, index, value) {
    return control.request(EXCHANGE, array, index, value, nothing);
  };
  atomics.compareExchange = function compareExchange(array, index, expected, replacement) {
    return control.request(CAS, array, index, expected, replacement);
  };
  atomics.wait = function wait(array, index, value, timeout) {
    return control.request(WAIT, array, index, value, timeout);
  };
  atomics.notify = function notify(array, index, count) {
    return control.request(NOTIFY, array, index, count, nothing);
  };
  if (atomics.waitAsync !== undefined) {
    atomics.waitAsync = function waitAsync() {
      return control.refuse('Atomics.waitAsync', ANSWERS_LATER);
    };
  }
}
