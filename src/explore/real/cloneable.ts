import { dataProperties } from '../../base/data-properties.ts';
import { IrqError } from '../../base/irq-error.ts';

/**
 * Requires that a state survives structured clone: real threads get a copy of the state, in which only
 * SharedArrayBuffers are the same.
 * @throws IrqError `ERR_SCENARIO` with the path of a value that does not.
 */
export function requireCloneable(scenario: string, state: unknown): void {
  const wrong = findUncloneable(state, 'state', new Set());
  if (wrong === undefined) return;
  throw new IrqError(
    'ERR_SCENARIO',
    `scenario (${scenario}): ${wrong}, which cannot be sent to a real thread. Return typed arrays over SharedArrayBuffers and plain data from setup, and make objects and functions of them in the threads; --executor simulated takes any state`,
  );
}

function findUncloneable(value: unknown, path: string, seen: Set<unknown>): string | undefined {
  if (typeof value === 'function') return `${path} is a function`;
  if (typeof value === 'symbol') return `${path} is a symbol`;
  if (typeof value !== 'object' || value === null || seen.has(value)) return undefined;
  seen.add(value);
  if (ArrayBuffer.isView(value) || value instanceof SharedArrayBuffer || value instanceof ArrayBuffer) {
    return undefined;
  }
  if (value instanceof Map) {
    for (const [key, entry] of value) {
      const wrong = findUncloneable(entry, `${path}.get(${String(key)})`, seen);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  if (value instanceof Set) {
    for (const entry of value) {
      const wrong = findUncloneable(entry, `an entry of ${path}`, seen);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const plain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  if (!plain && !(value instanceof Date) && !(value instanceof RegExp)) {
    return `${path} is an object of class ${value.constructor?.name ?? '?'}`;
  }
  for (const [key, entry] of dataProperties(value)) {
    const wrong = findUncloneable(entry, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, seen);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
