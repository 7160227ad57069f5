import type { ElementArray } from '../running/operation.ts';
import { readElement, toElementIndex, writeElement } from './plain.ts';

/**
 * The threads' typed arrays over shared memory: proxies whose elements the functions of plain.ts read and
 * write, so that no JavaScript reads an element unseen. During a search, the methods of the prototypes are
 * replaced and unwrap a proxy. An access through the proxy costs some hundred nanoseconds; rewritten code
 * calls plain.ts directly, for about ten.
 */

const raws = new WeakMap<object, ElementArray>();
const proxies = new WeakMap<ElementArray, ElementArray>();

/** Returns the array behind a proxy, and any other value unchanged. */
export function rawOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  return (raws.get(value) as T | undefined) ?? value;
}

/** The proxy of a typed array, always the same one. */
export function proxyOf(array: ElementArray): ElementArray {
  let proxy = proxies.get(array);
  if (proxy === undefined) {
    proxy = new Proxy(array, HANDLER);
    proxies.set(array, proxy);
    raws.set(proxy, array);
  }
  return proxy;
}

/** The number of accesses through proxies. */
export let proxiedAccesses = 0;

/** The element number of a key; counts the access. */
function elementAt(key: PropertyKey): number | undefined {
  const index = typeof key === 'string' ? toElementIndex(key) : undefined;
  if (index !== undefined) proxiedAccesses++;
  return index;
}

const HANDLER: ProxyHandler<ElementArray> = {
  get(array, key) {
    const index = elementAt(key);
    return index === undefined ? Reflect.get(array, key, array) : readElement(array, index);
  },
  set(array, key, value) {
    const index = elementAt(key);
    if (index === undefined) return Reflect.set(array, key, value, array);
    writeElement(array, index, value);
    return true;
  },
  getOwnPropertyDescriptor(array, key) {
    const index = elementAt(key);
    const found = Reflect.getOwnPropertyDescriptor(array, key);
    if (index === undefined || found === undefined) return found;
    return { ...found, value: readElement(array, index) };
  },
  defineProperty(array, key, descriptor) {
    const index = elementAt(key);
    if (index === undefined || !('value' in descriptor))
      return Reflect.defineProperty(array, key, descriptor);
    writeElement(array, index, descriptor.value);
    return true;
  },
};
