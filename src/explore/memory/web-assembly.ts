/** The used part of a WebAssembly.Memory. */
export type WasmMemory = { readonly buffer: ArrayBufferLike; grow(pages: number): number };
type Wasm = {
  readonly Memory: { readonly prototype: WasmMemory };
  readonly Module: { exports(module: object): unknown };
};

// TypeScript declares WebAssembly only for browsers.
const { Memory, Module } = Reflect.get(globalThis, 'WebAssembly') as Wasm;

/** WebAssembly.Memory itself. */
export const WASM_MEMORY = Memory;

const bufferOf = Reflect.getOwnPropertyDescriptor(Memory.prototype, 'buffer')?.get;

/** Whether an object is a memory. Runs no code of the object. */
export function isMemory(value: object): value is WasmMemory {
  return succeeds(() => bufferOf?.call(value));
}

/** Whether an object is a compiled module. Runs no code of the object. */
export function isModule(value: object): boolean {
  return succeeds(() => Module.exports(value));
}

function succeeds(body: () => unknown): boolean {
  try {
    body();
    return true;
  } catch {
    return false;
  }
}
