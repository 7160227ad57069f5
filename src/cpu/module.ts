import { readFileSync } from 'node:fs';
import { IrqError } from '../base/irq-error.ts';
import { type CompiledModule, compile, instanceOf, type SharedMemory } from './web-assembly.ts';

/** Exports of `src/cpu/core/run.ts`. */
export type CoreExports = {
  bind(
    at: number,
    lock: number,
    dirtyPages: number,
    watched: number,
    ramAt: number,
    ramBase: bigint,
    ramSize: bigint,
  ): void;
  runBeside(at: number, index: number, count: number, end: number): void;
  countTime(at: number, stride: number, index: number, count: number): void;
  run(instructions: number): number;
  restored(): void;
  protectPages(): void;
  waiting(): number;
  drainOne(index: number): number;
};

/** Imports of the core's module. */
export type CoreImports = {
  busRead(address: bigint, bytes: number): bigint;
  busWrite(address: bigint, bytes: number, value: bigint): void;
  registerRead(encoding: number): bigint;
  registerWrite(encoding: number, value: bigint): void;
  hypercall(immediate: number): void;
};

/** The compiled core, which `npm run build` writes into dist; found from the sources and from dist. */
const FILE = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/a64.wasm' : '../../a64.wasm',
  import.meta.url,
);

let compiled: CompiledModule | undefined;

/** The core's code, compiled once a thread. @throws IrqError `ERR_FILE` if the package was not built */
function coreModule(): CompiledModule {
  if (compiled) return compiled;
  try {
    compiled = compile(readFileSync(FILE));
  } catch (cause) {
    throw new IrqError('ERR_FILE', `the AArch64 core ${FILE.pathname} cannot be read: run "npm run build"`, {
      cause,
    });
  }
  return compiled;
}

/** An instance of the core over `memory`. */
export function instantiate(memory: SharedMemory, imports: CoreImports): CoreExports {
  return instanceOf(coreModule(), { env: { memory }, imports }) as CoreExports;
}
