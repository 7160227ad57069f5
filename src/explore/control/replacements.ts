import { IrqError } from '../../base/irq-error.ts';

/** Restores one replaced property. */
export type Undo = () => void;

/**
 * Replaces a property in place, and adds the step that restores the old one to `undo`.
 * @throws IrqError `ERR_UNSUPPORTED` if the property cannot be replaced, and so stays out of control
 */
export function replaceProperty(object: object, key: PropertyKey, value: unknown, undo: Undo[]): void {
  const before = Object.getOwnPropertyDescriptor(object, key);
  if (before === undefined ? !Object.isExtensible(object) : before.configurable !== true)
    throw cannotReplace(object, key);
  Object.defineProperty(object, key, {
    value,
    configurable: true,
    writable: true,
    enumerable: before?.enumerable ?? true,
  });
  undo.push(() => {
    const isBack =
      before === undefined
        ? Reflect.deleteProperty(object, key)
        : Reflect.defineProperty(object, key, before);
    if (!isBack) throw cannotReplace(object, key);
  });
}

/** Restores every replaced property, the last first. @throws IrqError `ERR_UNSUPPORTED` if one was frozen meanwhile */
export function putBack(undo: Undo[]): void {
  const failures: unknown[] = [];
  for (const back of undo.reverse()) {
    try {
      back();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** The error for a built-in that code under test has frozen. */
export function cannotReplace(object: object, key: PropertyKey): IrqError {
  const name = `${nameOf(object)}.${String(key)}`;
  return new IrqError(
    'ERR_UNSUPPORTED',
    `${name} cannot be taken under control, for the code under test, or what it imports, has frozen it. Leave ${name} as it is (no Object.freeze of built-in objects)`,
  );
}

function nameOf(object: object): string {
  if (object === globalThis) return 'globalThis';
  if (typeof object === 'function') return object.name;
  const { constructor: maker } = object;
  if (typeof maker === 'function' && maker.prototype === object && maker !== Object)
    return `${maker.name}.prototype`;
  return Object.prototype.toString.call(object).slice('[object '.length, -1);
}
