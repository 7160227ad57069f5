import type { ElementArray } from '../running/operation.ts';
import { toElement } from './call.ts';
import { readElement, writeElement } from './plain.ts';
import type { Undo } from './replacements.ts';
import { likeness, type Method, replaceMethods, snapshot } from './view-methods.ts';
import { proxyOf, rawOf } from './view-proxy.ts';

const TYPED_ARRAY = Object.getPrototypeOf(Int8Array.prototype) as object;

/** Replaces the methods that all typed arrays share, on shared memory: one element at a time, in ECMAScript's order. */
export function replaceTypedArrays(undo: Undo[]): void {
  replaceMethods(TYPED_ARRAY, ELEMENTWISE, undo);
}

/** A relative index of these methods: a negative index counts from the end; the result is kept in range. */
function relative(value: unknown, length: number, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = +(value as number);
  const index = Number.isNaN(number) ? 0 : Math.trunc(number);
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length);
}

/** Array's method of that name, which gets and sets one element after the other. */
function generic(name: keyof Array<unknown>): Method {
  const method = Array.prototype[name] as Method;
  return function (this: unknown, ...args) {
    return Reflect.apply(method, proxyOf(this as ElementArray), args);
  };
}

const GENERIC = [
  'at',
  'entries',
  'every',
  'find',
  'findIndex',
  'findLast',
  'findLastIndex',
  'forEach',
  'includes',
  'indexOf',
  'join',
  'keys',
  'lastIndexOf',
  'reduce',
  'reduceRight',
  'reverse',
  'some',
  'toLocaleString',
  'toString',
  'values',
] as const;

const ELEMENTWISE: Record<PropertyKey, Method> = {
  ...Object.fromEntries(GENERIC.map((name) => [name, generic(name as keyof Array<unknown>)])),
  [Symbol.iterator]: generic('values'),
  fill(this: ElementArray, value: unknown, start: unknown, end: unknown) {
    const element = toElement(this, value);
    const { length } = this;
    const until = relative(end, length, length);
    for (let i = relative(start, length, 0); i < until; i++) writeElement(this, i, element);
    return this;
  },
  set(this: ElementArray, source: ArrayLike<unknown>, offset: unknown) {
    const from = rawOf(source);
    const at = Math.trunc(+(offset as number)) || 0;
    if (at < 0 || Object(from).length + at > this.length) throw new RangeError('offset is out of bounds');
    // Within one memory, reads everything before the first write.
    const overlaps = ArrayBuffer.isView(from) && from.buffer === this.buffer;
    const elements = overlaps ? snapshot(from as ElementArray) : from;
    const read = elements === from && ArrayBuffer.isView(from);
    for (let i = 0; i < elements.length; i++) {
      writeElement(this, at + i, read ? readElement(from as ElementArray, i) : elements[i]);
    }
  },
  copyWithin(this: ElementArray, target: unknown, start: unknown, end: unknown) {
    const { length } = this;
    const to = relative(target, length, 0);
    const from = relative(start, length, 0);
    const count = Math.min(relative(end, length, length) - from, length - to);
    const backwards = from < to && to < from + count;
    for (let k = 0; k < count; k++) {
      const i = backwards ? count - 1 - k : k;
      writeElement(this, to + i, readElement(this, from + i));
    }
    return this;
  },
  slice(this: ElementArray, start: unknown, end: unknown) {
    const { length } = this;
    const from = relative(start, length, 0);
    const copy = likeness(this, Math.max(0, relative(end, length, length) - from));
    for (let i = 0; i < copy.length; i++) copy[i] = readElement(this, from + i) as number;
    return copy;
  },
  map(this: ElementArray, callback: (value: unknown, i: number, array: unknown) => number, self: unknown) {
    const result = likeness(this, this.length);
    for (let i = 0; i < result.length; i++) {
      result[i] = Reflect.apply(callback, self, [readElement(this, i), i, proxyOf(this)]);
    }
    return result;
  },
  filter(
    this: ElementArray,
    callback: (value: unknown, i: number, array: unknown) => unknown,
    self: unknown,
  ) {
    const kept: unknown[] = [];
    for (let i = 0; i < this.length; i++) {
      const value = readElement(this, i);
      if (Reflect.apply(callback, self, [value, i, proxyOf(this)])) kept.push(value);
    }
    const result = likeness(this, kept.length);
    for (const [i, value] of kept.entries()) result[i] = value as number;
    return result;
  },
  sort(this: ElementArray, compare?: (a: never, b: never) => number) {
    const sorted = snapshot(this).sort(compare as never);
    for (let i = 0; i < sorted.length; i++) writeElement(this, i, sorted[i]);
    return this;
  },
  toReversed(this: ElementArray) {
    return snapshot(this).reverse();
  },
  toSorted(this: ElementArray, compare?: (a: never, b: never) => number) {
    return snapshot(this).sort(compare as never);
  },
  with(this: ElementArray, index: unknown, value: unknown) {
    const number = Math.trunc(+(index as number)) || 0;
    const at = number < 0 ? this.length + number : number;
    const element = toElement(this, value);
    if (!(at >= 0 && at < this.length)) throw new RangeError('Invalid typed array index');
    const copy = snapshot(this);
    copy[at] = element as number;
    return copy;
  },
};
