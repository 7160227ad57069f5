import type { ElementArray } from '../running/operation.ts';
import { toElement } from './call.ts';
import { readElement, writeElement } from './plain.ts';
import type { Undo } from './replacements.ts';
import { type Method, replaceMethods } from './view-methods.ts';

/**
 * DataView's methods on shared memory. An access at a multiple of the access's size is one operation on a
 * typed array's element, in either byte order. Any other access is one operation for each byte, because the
 * memory model lets such an access tear.
 */
export function replaceDataView(undo: Undo[]): void {
  replaceMethods(DataView.prototype, TABLE, undo);
}

type Kind = new (buffer: SharedArrayBuffer, byteOffset: number, length: number) => ElementArray;

const KINDS: Readonly<Record<string, Kind>> = {
  Int8: Int8Array as unknown as Kind,
  Uint8: Uint8Array as unknown as Kind,
  Int16: Int16Array as unknown as Kind,
  Uint16: Uint16Array as unknown as Kind,
  Int32: Int32Array as unknown as Kind,
  Uint32: Uint32Array as unknown as Kind,
  Float32: Float32Array as unknown as Kind,
  Float64: Float64Array as unknown as Kind,
  BigInt64: BigInt64Array as unknown as Kind,
  BigUint64: BigUint64Array as unknown as Kind,
};

const methods = DataView.prototype as unknown as Record<string, Method>;
const TABLE: Record<string, Method> = {};
for (const [name, Kind] of Object.entries(KINDS)) {
  const read = methods[`get${name}`] as Method;
  const write = methods[`set${name}`] as Method;
  const size = (Kind as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  TABLE[`get${name}`] = function (this: unknown, offset?: unknown, littleEndian?: unknown) {
    const view = this as DataView;
    const at = Math.trunc(+(offset as number)) || 0;
    // Beyond the end, the engine throws.
    if (!(at >= 0 && at + size <= view.byteLength)) return Reflect.apply(read, view, [offset] as never[]);
    const bytes = new DataView(new ArrayBuffer(size));
    const element = elementAt(Kind, view, at, size);
    if (element !== undefined) {
      const value = readElement(element, 0);
      if (littleEndian || size === 1) return value;
      Reflect.apply(write, bytes, [0, value, true] as never[]);
    } else {
      const raw = bytesOf(view);
      for (let i = 0; i < size; i++) bytes.setUint8(i, readElement(raw, at + i) as number);
    }
    return Reflect.apply(read, bytes, [0, element === undefined && littleEndian] as never[]);
  };
  TABLE[`set${name}`] = function (this: unknown, offset?: unknown, value?: unknown, littleEndian?: unknown) {
    const view = this as DataView;
    const at = Math.trunc(+(offset as number)) || 0;
    if (!(at >= 0 && at + size <= view.byteLength)) {
      return Reflect.apply(write, view, [offset, value, littleEndian] as never[]);
    }
    const bytes = new DataView(new ArrayBuffer(size));
    const element = elementAt(Kind, view, at, size);
    const number = toElement(new Kind(NOWHERE, 0, 0), value);
    if (element !== undefined && (littleEndian || size === 1)) {
      writeElement(element, 0, number);
      return undefined;
    }
    Reflect.apply(write, bytes, [0, number, littleEndian] as never[]);
    if (element !== undefined) writeElement(element, 0, Reflect.apply(read, bytes, [0, true] as never[]));
    else {
      const raw = bytesOf(view);
      for (let i = 0; i < size; i++) writeElement(raw, at + i, bytes.getUint8(i));
    }
    return undefined;
  };
}

const NOWHERE = new SharedArrayBuffer(0);

/** The access as one element of a typed array; undefined if the access straddles two elements. */
function elementAt(kind: Kind, view: DataView, at: number, size: number): ElementArray | undefined {
  const from = view.byteOffset + at;
  return from % size === 0 ? new kind(view.buffer as unknown as SharedArrayBuffer, from, 1) : undefined;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
