import { IrqError } from '../base/irq-error.ts';

/**
 * The part of WebAssembly's JavaScript interface that the core uses, with its types: TypeScript has them in the DOM's
 * library only, which is none of Node's.
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

/** @throws IrqError `ERR_CONFIG` where Node.js has none */
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
/** The most that a memory of 32-bit addresses has; the core's code declares it too. */
const MOST_PAGES = 65_536;

/** A memory, zeroed, that threads can share: it may be posted to a worker. `bytes` is rounded up to 64 KiB; below 4 GiB. */
export function sharedMemory(bytes: number): SharedMemory {
  return new (api().Memory)({ initial: Math.ceil(bytes / PAGE_BYTES), maximum: MOST_PAGES, shared: true });
}

export function compile(bytes: Uint8Array): CompiledModule {
  return new (api().Module)(bytes);
}

export function instanceOf(code: CompiledModule, imports: Readonly<Record<string, object>>): object {
  return new (api().Instance)(code, imports).exports;
}
