import { type ElementArray, PLAIN_LOAD, PLAIN_STORE } from '../running/operation.ts';
import { noteElement } from '../running/round-marks.ts';
import { toElement } from './call.ts';
import { controller } from './controlled-atomics.ts';

/**
 * Accesses without Atomics. Rewritten code under test calls these functions in place of `a[i]`; except on a view of the
 * scenario's shared memory, they act as JavaScript does. Under control, an access to one element is an operation of its
 * own, `read` or `write`, and a point at which another thread may go on.
 *
 * Method calls need no rewriting: during a search, the methods of typed arrays, DataView, Buffer, TextEncoder and
 * TextDecoder are replaced, see controlled-views.ts. Nor do spread, `for…of` and destructuring, which call the
 * iterator. Constructors do: `new Uint8Array(view)` copies, see {@link construct}. The rest (`Object.values(view)`,
 * patterns with numbers as keys in parameters) goes through the threads' stand-ins for views, see view-proxy.ts.
 */

type Bag = Record<PropertyKey, unknown>;
type Constructor = new (...args: unknown[]) => unknown;

/** Marks a write of -0, which `===` does not distinguish from 0; see Point.b. */
const NEGATIVE_ZERO = '-0';

/** The view, or stand-in, of the last access: most accesses name the same view again. */
let lastView: ElementArray | undefined;

function isView(target: unknown): target is ElementArray {
  if (target === lastView) return target !== undefined;
  if (!ArrayBuffer.isView(target)) return false;
  lastView = target as ElementArray;
  return true;
}

/** `target[key]` */
export function get(target: unknown, key: unknown): unknown {
  if (controller !== undefined && isView(target)) {
    if (typeof key === 'number') return controller.request(PLAIN_LOAD, target, key, undefined, undefined);
    const index = toElementIndex(key);
    if (index !== undefined) return controller.request(PLAIN_LOAD, target, index, undefined, undefined);
  }
  return (target as Bag)[key as PropertyKey];
}

/** `target[key] = value` @returns the value */
export function set<T>(target: unknown, key: unknown, value: T): T {
  if (controller !== undefined && isView(target)) {
    const index = typeof key === 'number' ? key : toElementIndex(key);
    if (index !== undefined) {
      writeElement(target, index, value);
      return value;
    }
  }
  if (typeof key === 'number' && Array.isArray(target)) noteElement(target[key], value);
  (target as Bag)[key as PropertyKey] = value;
  return value;
}

/** Reads one element of a view; under control during a search. */
export function readElement(view: ElementArray, index: number): number | bigint {
  return (
    controller === undefined ? view[index] : controller.request(PLAIN_LOAD, view, index, undefined, undefined)
  ) as number;
}

/** Writes one element of a view; under control during a search. */
export function writeElement(view: ElementArray, index: number, value: unknown): void {
  if (controller === undefined) view[index] = value as number;
  else if (typeof value === 'number' || typeof value === 'bigint') {
    controller.request(PLAIN_STORE, view, index, value, isNegativeZero(value) ? NEGATIVE_ZERO : undefined);
  } else {
    // The conversion runs the value's own code before the write.
    const element = toElement(view, value);
    controller.request(
      PLAIN_STORE,
      view,
      index,
      element,
      isNegativeZero(element) ? NEGATIVE_ZERO : undefined,
    );
  }
}

const TypedArray = Object.getPrototypeOf(Int8Array) as { readonly prototype: object };

/**
 * `new callee(...args)`: a typed array made from a shared view reads the view element by element. Any other class gets
 * the view. A thread that makes a view of shared memory gets a stand-in.
 */
export function construct(callee: unknown, args: readonly unknown[]): unknown {
  if (controller === undefined) return new (callee as Constructor)(...args);
  const [source] = args;
  if (
    (callee as Partial<typeof TypedArray> | undefined)?.prototype instanceof
      (TypedArray as unknown as Constructor) &&
    ArrayBuffer.isView(source) &&
    'length' in source &&
    controller.controls(source)
  ) {
    const copy = new (source.constructor as new (n: number) => ElementArray)(source.length as number);
    for (let i = 0; i < copy.length; i++) copy[i] = readElement(source as ElementArray, i) as number;
    return new (callee as Constructor)(copy, ...args.slice(1));
  }
  const made = new (callee as Constructor)(...args);
  return ArrayBuffer.isView(made) ? controller.handOut(made) : made;
}

function isNegativeZero(value: number | bigint): boolean {
  return value === 0 && Object.is(value, -0);
}

/** The element number that a property key means on a typed array: `'3'`, but not `'03'`; undefined for other keys. */
export function toElementIndex(key: unknown): number | undefined {
  if (typeof key === 'symbol' || typeof key === 'function') return undefined;
  const text = String(key);
  // Only digits, `-`, `Infinity` and `NaN` can begin a number.
  const first = text.charCodeAt(0);
  if (first > 57 && first !== 73 && first !== 78) return undefined;
  if (text === '-0') return -1;
  const number = Number(text);
  return String(number) === text ? number : undefined;
}
