import { WASM_MEMORY, type WasmMemory } from '../memory/web-assembly.ts';
import { controller } from './controlled-atomics.ts';
import type { Undo } from './replacements.ts';
import { replaceFunction } from './view-methods.ts';

const WHY =
  'shared memory cannot be made smaller again, and each schedule has to start with the memory as setup left it. Make the memory in setup as large as it gets';

/**
 * Refuses to grow the scenario's shared memory during a search: growable SharedArrayBuffers and WebAssembly's memories.
 * A buffer that a thread makes in its own run may grow.
 */
export function refuseGrowth(undo: Undo[]): void {
  replaceFunction(SharedArrayBuffer.prototype, 'grow', undo, (native) => {
    return function (this: SharedArrayBuffer, ...sizes: unknown[]): unknown {
      refuse('SharedArrayBuffer.prototype.grow', this);
      return Reflect.apply(native, this, sizes);
    };
  });
  replaceFunction(WASM_MEMORY.prototype, 'grow', undo, (native) => {
    return function (this: WasmMemory, ...pages: unknown[]): unknown {
      refuse('WebAssembly.Memory.prototype.grow', this.buffer);
      return Reflect.apply(native, this, pages);
    };
  });
}

function refuse(what: string, buffer: ArrayBufferLike): void {
  if (!(buffer instanceof SharedArrayBuffer) || controller === undefined) return;
  if (controller.controls(new Uint8Array(buffer, 0, 0))) controller.refuse(what, WHY);
}
