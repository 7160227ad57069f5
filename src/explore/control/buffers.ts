import type { ElementArray } from '../running/operation.ts';
import { controller } from './controlled-atomics.ts';
import { readElement, writeElement } from './plain.ts';
import type { Undo } from './replacements.ts';

import {
  isControlledView,
  type Method,
  privately,
  replaceFunction,
  replaceMethods,
  snapshot,
} from './view-methods.ts';
import { proxyOf, rawOf } from './view-proxy.ts';

/** Replaces methods of Buffer, TextEncoder and TextDecoder on shared memory: one byte at a time. */
export function replaceBuffers(undo: Undo[]): void {
  replaceMethods(Buffer.prototype, BUFFER, undo);
  replaceStatics(undo);
  replaceFunction(TextDecoder.prototype, 'decode', undo, (native) => {
    return function (this: unknown, input: unknown, ...rest: unknown[]): unknown {
      return Reflect.apply(native, this, [privately(input), ...rest]);
    };
  });
  replaceFunction(TextEncoder.prototype, 'encodeInto', undo, (native) => {
    return function (this: unknown, text: string, destination: unknown): unknown {
      const view = rawOf(destination);
      if (!(view instanceof Uint8Array && isControlledView(view))) {
        return Reflect.apply(native, this, [text, view]);
      }
      const bytes = new Uint8Array(view.length);
      const result = Reflect.apply(native, this, [text, bytes]) as { written: number };
      for (let i = 0; i < result.written; i++) writeElement(view, i, bytes[i]);
      return result;
    };
  });
}

function replaceStatics(undo: Undo[]): void {
  for (const name of ['from', 'compare', 'copyBytesFrom'] as const) {
    replaceFunction(Buffer, name, undo, (native) => (...args: unknown[]) => {
      const made = Reflect.apply(native, Buffer, args.map(privately)) as Buffer | number;
      // `Buffer.from` may have made a view of a SharedArrayBuffer.
      return typeof made === 'number' ? made : (controller?.handOut(made) ?? made);
    });
  }
  replaceFunction(Buffer, 'concat', undo, (native) => (list: unknown, ...rest: unknown[]) => {
    return Reflect.apply(native, Buffer, [Array.isArray(list) ? list.map(privately) : list, ...rest]);
  });
}

const native = Buffer.prototype as unknown as Record<string, Method>;
const BUFFER: Record<string, Method> = {};

for (const name of Object.getOwnPropertyNames(Buffer.prototype)) {
  const method = native[name];
  if (typeof method !== 'function' || name === 'constructor') continue;
  if (/^(read|write)[A-Z]/.test(name)) {
    // Node.js implements these methods in JavaScript, byte by byte.
    BUFFER[name] = function (this: unknown, ...args) {
      return Reflect.apply(method, proxyOf(this as ElementArray), args);
    };
  } else if (name === 'write' || name.endsWith('Write')) {
    BUFFER[name] = function (this: unknown, ...args) {
      const view = this as Uint8Array;
      const bytes = Buffer.alloc(view.length);
      const written = Reflect.apply(method, bytes, args) as number;
      const offset = typeof args[1] === 'number' ? (args[1] as number) : 0;
      for (let i = offset; i < offset + written; i++) writeElement(view, i, bytes[i]);
      return written;
    };
  } else if (name === 'toString' || name === 'toLocaleString' || name.endsWith('Slice')) {
    BUFFER[name] = function (this: unknown, ...args) {
      const view = this as Uint8Array;
      const [start, end] = (name.endsWith('Slice') ? args : args.slice(1)) as unknown as number[];
      const from = Math.max(0, Math.trunc(start ?? 0) || 0);
      const copy = snapshot(view, from, Math.min(view.length, Math.trunc(end ?? view.length)));
      return Reflect.apply(method, copy, args);
    };
  } else if (
    ['compare', 'equals', 'includes', 'indexOf', 'lastIndexOf', 'toJSON', 'inspect'].includes(name)
  ) {
    BUFFER[name] = function (this: unknown, ...args) {
      return Reflect.apply(method, snapshot(this as Uint8Array), args.map(privately) as never[]);
    };
  } else if (/^swap(16|32|64)$/.test(name)) {
    BUFFER[name] = function (this: unknown) {
      const view = this as Uint8Array;
      const swapped = Reflect.apply(method, snapshot(view), []) as Uint8Array;
      for (let i = 0; i < view.length; i++) writeElement(view, i, swapped[i]);
      return view;
    };
  }
}

BUFFER.fill = function (this: unknown, ...args) {
  const view = this as Uint8Array;
  const bytes = Buffer.alloc(view.length);
  // The engine checks the operands and fills a private copy; then the filled range is written element by element.
  Reflect.apply(native.fill as Method, bytes, args.map(privately) as never[]);
  const [, offset, end] = args as unknown[];
  const from = typeof offset === 'number' ? offset : 0;
  const until = typeof offset === 'number' && typeof end === 'number' ? end : view.length;
  for (let i = from; i < until; i++) writeElement(view, i, bytes[i]);
  return view;
};

BUFFER.copy = function (this: unknown, ...args) {
  const [destination, targetStart = 0, sourceStart = 0, sourceEnd] = args as unknown as [
    Uint8Array,
    number?,
    number?,
    number?,
  ];
  const view = this as Uint8Array;
  const target = rawOf(destination);
  const end = Math.min(sourceEnd ?? view.length, view.length);
  const count = Math.max(0, Math.min(end - sourceStart, target.length - targetStart));
  // Within one memory, reads everything before the first write.
  const from = target.buffer === view.buffer ? snapshot(view, sourceStart, sourceStart + count) : view;
  for (let i = 0; i < count; i++) {
    writeElement(target, targetStart + i, readElement(from, sourceStart + i));
  }
  return count;
};
