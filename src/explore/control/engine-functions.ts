import assert from 'node:assert';
import { syncBuiltinESMExports } from 'node:module';
import util from 'node:util';
import type { ElementArray } from '../running/operation.ts';
import { controller } from './controlled-atomics.ts';
import type { Undo } from './replacements.ts';
import { type AnyFunction, privately, replaceFunction } from './view-methods.ts';
import { rawOf } from './view-proxy.ts';

/** How deep to search objects for views. */
const DEPTH = 4;

/**
 * Replaces functions of the engine and of Node.js that take no stand-ins for views, or look behind them.
 * `structuredClone` gets the views themselves, and returns stand-ins again. Functions that compare or show a value get
 * private copies; making a copy reads each element.
 */
export function replaceEngineFunctions(undo: Undo[]): void {
  replaceFunction(ArrayBuffer, 'isView', undo, (native) => (value: unknown) => native(rawOf(value)));
  replaceFunction(globalThis, 'structuredClone', undo, (native) => (value: unknown, ...rest: unknown[]) => {
    const clone = native(withViews(value, same), ...rest);
    return withViews(clone, (view) => controller?.handOut(view) ?? view);
  });
  for (const name of ['inspect', 'format', 'formatWithOptions', 'isDeepStrictEqual']) {
    replaceFunction(util, name, undo, onCopies);
  }
  for (const object of [assert, assert.strict]) {
    for (const name of COMPARISONS) replaceFunction(object, name, undo, onCopies);
  }
  for (const [name, { configurable }] of Object.entries(Object.getOwnPropertyDescriptors(util.types))) {
    // Properties that Node.js itself has fixed concern keys and not views.
    if (name !== 'isProxy' && configurable)
      replaceFunction(util.types, name, undo, (native) => (value: unknown) => native(rawOf(value)));
  }
  syncBuiltinESMExports();
  undo.unshift(syncBuiltinESMExports);
}

const COMPARISONS = [
  'deepEqual',
  'notDeepEqual',
  'deepStrictEqual',
  'notDeepStrictEqual',
  'partialDeepStrictEqual',
];

/** Makes the function work on private copies of the views in its arguments. */
function onCopies(native: AnyFunction): AnyFunction {
  return Object.assign(
    (...args: unknown[]) => native(...args.map((argument) => withViews(argument, privately))),
    native,
  );
}

function same<T>(value: T): T {
  return value;
}

/** Returns the value with each typed array inside replaced; the value itself if nothing changes. */
function withViews(value: unknown, change: (view: ElementArray) => unknown, depth = DEPTH): unknown {
  const raw = rawOf(value);
  if (ArrayBuffer.isView(raw)) return 'BYTES_PER_ELEMENT' in raw ? change(raw as ElementArray) : raw;
  if (typeof value !== 'object' || value === null || depth === 0 || util.types.isProxy(value)) return value;
  const go = (each: unknown): unknown => withViews(each, change, depth - 1);
  if (Array.isArray(value)) {
    const made = value.map(go);
    return made.some((each, i) => each !== value[i]) ? made : value;
  }
  if (value instanceof Map) {
    const made = [...value].map(([key, each]) => [go(key), go(each)] as const);
    return [...value].some(([key, each], i) => made[i]?.[0] !== key || made[i]?.[1] !== each)
      ? new Map(made)
      : value;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const properties = Object.getOwnPropertyDescriptors(value) as Record<string, PropertyDescriptor>;
  let changed = false;
  for (const property of Object.values(properties)) {
    if (!('value' in property)) continue;
    const made = go(property.value);
    changed ||= made !== property.value;
    property.value = made;
  }
  return changed ? Object.create(prototype as object | null, properties) : value;
}
