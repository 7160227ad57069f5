import { IrqError } from '../base/irq-error.ts';

/**
 * Types of the part of WebAssembly's JavaScript interface that the core uses: TypeScript declares them only in its DOM library, which
 * Node.js code does not load.
 */
export type SharedMemory = { readonly buffer: SharedArrayBuffer };

declare const compiledModule: unique symbol;
export type CompiledModule = { readonly [compiledModule]: true };

type Api = {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array) => CompiledModule;
  readonly Instance: new (
    code: CompiledModule,
    imports: Readonly<Record<string, object>>,
  ) => { readonly exports: object };
};

/** @throws IrqError `ERR_CONFIG` if this Node.js has no WebAssembly */
function api(): Api {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: Api };
  if (WebAssembly === undefined)
    throw new IrqError(
      'ERR_CONFIG',
      'this Node.js runs without WebAssembly (--jitless), and the AArch64 core is a module of it',
    );
  return WebAssembly;
}

const PAGE_BYTES = 65_536;
/** The most pages of a memory with 32-bit addresses; the core's module declares the same maximum. */
const MOST_PAGES = 65_536;

/** A zeroed memory that can be posted to workers. Rounds `bytes`, less than 4 GiB, up to 64 KiB. */
export function sharedMemory(bytes: number): SharedMemory {
  return new (api().Memory)({ initial: Math.ceil(bytes / PAGE_BYTES), maximum: MOST_PAGES, shared: true });
}

export function compile(bytes: Uint8Array): CompiledModule {
  return new (api().Module)(bytes);
}

export function instanceOf(code: CompiledModule, imports: Readonly<Record<string, object>>): object {
  return new (api().Instance)(code, imports).exports;
}
