import type { ElementArray } from '../running/operation.ts';
import { controller } from './controlled-atomics.ts';
import { readElement } from './plain.ts';
import { replaceProperty, type Undo } from './replacements.ts';
import { proxyOf, rawOf } from './view-proxy.ts';

/** A replaced method of a prototype; `this` is the view. */
export type Method = (this: never, ...args: never[]) => unknown;

/** Whether accesses to the view are operations now. */
export function isControlledView(view: unknown): view is ElementArray {
  return controller !== undefined && ArrayBuffer.isView(view) && controller.controls(view);
}

/** A private copy of the elements from `start` to `end`, the others 0; reads them in order. */
export function snapshot<A extends ElementArray>(view: A, start = 0, end = view.length): A {
  const copy = likeness(view, view.length) as A;
  for (let i = start; i < end; i++) copy[i] = readElement(view, i) as number;
  return copy;
}

/** The argument, or a private copy if the argument is a view of shared memory. */
export function privately<T>(argument: T): T {
  const raw = rawOf(argument);
  return isControlledView(raw) && 'BYTES_PER_ELEMENT' in raw ? (snapshot(raw) as T) : raw;
}

/**
 * Replaces methods of a prototype: on a controlled view, `table`'s method runs; else the engine's,
 * on unwrapped arguments.
 * @param table - methods by name; `this` is the view itself.
 */
export function replaceMethods(
  prototype: object,
  table: Readonly<Record<PropertyKey, Method>>,
  undo: Undo[],
): void {
  for (const key of Reflect.ownKeys(prototype)) {
    const native: unknown = Reflect.getOwnPropertyDescriptor(prototype, key)?.value;
    if (key === 'constructor' || typeof native !== 'function') continue;
    const ours = Object.hasOwn(table, key) ? table[key] : undefined;
    const replaced = function (this: unknown, ...args: never[]): unknown {
      const view = rawOf(this);
      if (ours !== undefined && isControlledView(view)) return Reflect.apply(ours, view, args);
      if (key === 'set' && isControlledView(rawOf(args[0]))) args.splice(0, 1, privately(args[0]) as never);
      const result: unknown = Reflect.apply(native, view, args);
      // A part of a proxied array is proxied too.
      return view !== this && isControlledView(result) ? proxyOf(result) : result;
    };
    Object.defineProperty(replaced, 'name', { value: native.name });
    Object.defineProperty(replaced, 'length', { value: native.length });
    replaceProperty(prototype, key, replaced, undo);
  }
}

/** Makes an array of the kind that ECMAScript makes of this one for `map` and `slice`, in private memory. */
export function likeness(view: ElementArray, length: number): ElementArray {
  if (Buffer.isBuffer(view)) return Buffer.alloc(length);
  const kind = view.constructor;
  const species = (kind as unknown as Record<symbol, unknown>)[Symbol.species] ?? kind;
  return new (species as new (length: number) => ElementArray)(length);
}

/** The plainest type of a function to replace. */
export type AnyFunction = (...args: unknown[]) => unknown;

/**
 * Replaces one function that is a property of an object; does nothing if there is none.
 * @throws IrqError `ERR_UNSUPPORTED` if the property cannot be replaced, and so stays out of control
 */
export function replaceFunction(
  object: object,
  key: string,
  undo: Undo[],
  make: (native: AnyFunction) => (...args: never[]) => unknown,
): void {
  const native: unknown = Reflect.getOwnPropertyDescriptor(object, key)?.value;
  if (typeof native === 'function') replaceProperty(object, key, make(native as AnyFunction), undo);
}
