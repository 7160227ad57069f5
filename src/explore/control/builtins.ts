import { IrqError } from '../../base/irq-error.ts';
import { readThrown } from '../../base/thrown.ts';

const NAMES = [
  ...['Object', 'Function', 'Array', 'String', 'Number', 'Boolean', 'Symbol', 'BigInt', 'RegExp', 'Date'],
  ...['Error', 'TypeError', 'RangeError', 'Promise', 'Map', 'Set', 'WeakMap', 'WeakSet', 'Proxy'],
  ...['Reflect', 'JSON', 'Math', 'Atomics', 'SharedArrayBuffer', 'ArrayBuffer', 'DataView'],
  ...['Int8Array', 'Uint8Array', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array'],
  ...['Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array', 'Buffer'],
];

type Known = {
  readonly path: string;
  readonly object: object;
  readonly key: PropertyKey;
  readonly value: unknown;
};

// Taken before code under test is loaded, because that code may replace them.
const { getOwnPropertyDescriptor, ownKeys } = Reflect;
const { is } = Object;

/**
 * The built-in objects of JavaScript before code under test was loaded. Code under test runs in the
 * explorer's realm, so a replaced `Array.prototype.push` is replaced for the explorer too. Loops by index
 * only: code under test may have replaced the iterator of arrays.
 */
export class Builtins {
  readonly #known: Known[] = [];

  constructor() {
    for (const name of NAMES) {
      const found = heldBy(globalThis, name);
      this.#known.push({ path: name, object: globalThis, key: name, value: found });
      if (!isObject(found)) continue;
      this.#keep(name, found);
      const prototype = heldBy(found, 'prototype');
      if (isObject(prototype)) this.#keep(`${name}.prototype`, prototype);
    }
  }

  /** The first built-in that was replaced or frozen: `Array.prototype.push`. */
  changed(): string | undefined {
    for (let at = 0; at < this.#known.length; at++) {
      const { path, object, key, value } = this.#known[at] as Known;
      if (!is(heldBy(object, key), value)) return path;
    }
    return undefined;
  }

  /**
   * Explains an error that is not irqloom's own: if the code under test has changed a built-in, the change made the
   * explorer itself fail.
   */
  explain(error: unknown): unknown {
    if (readThrown(error).isError && error instanceof IrqError) return error;
    const path = this.changed();
    if (path === undefined) return error;
    return new IrqError(
      'ERR_UNSUPPORTED',
      `the code under test, or what it imports, has replaced ${path}, which irqloom itself needs (${readThrown(error).message}). Leave built-in objects as they are`,
    );
  }

  #keep(path: string, object: object): void {
    for (const key of ownKeys(object))
      this.#known.push({ path: `${path}.${String(key)}`, object, key, value: heldBy(object, key) });
  }
}

/** The value of a property, or the property's getter, not called. */
function heldBy(object: object, key: PropertyKey): unknown {
  const descriptor = getOwnPropertyDescriptor(object, key);
  return descriptor?.get ?? descriptor?.value;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
