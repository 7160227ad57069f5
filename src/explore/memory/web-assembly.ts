/** What is looked at of a WebAssembly.Memory. */
export type WasmMemory = { readonly buffer: ArrayBufferLike; grow(pages: number): number };
type Wasm = {
  readonly Memory: { readonly prototype: WasmMemory };
  readonly Module: { exports(module: object): unknown };
};

// TypeScript knows WebAssembly in browsers only.
const { Memory, Module } = Reflect.get(globalThis, 'WebAssembly') as Wasm;

/** WebAssembly.Memory itself. */
export const WASM_MEMORY = Memory;

const bufferOf = Reflect.getOwnPropertyDescriptor(Memory.prototype, 'buffer')?.get;

/** Whether an object is a memory. No code of the object's is run. */
export function isMemory(value: object): value is WasmMemory {
  return succeeds(() => bufferOf?.call(value));
}

/** Whether an object is a compiled module. No code of the object's is run. */
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
