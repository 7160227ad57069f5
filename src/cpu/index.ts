/** The AArch64 core: a {@link Core} is built from {@link CoreParts}; `core/block.ts` has the byte offsets of a vCPU's block. */
export type { CoreParts, ExitReason } from './contract.ts';
export { BLOCK_BYTES } from './core/block.ts';
export { Core, type CoreOptions } from './core.ts';
export { CoreSnapshot } from './snapshot.ts';
export { FILTER_BYTES, WatchedMemory } from './watched-memory.ts';
export { type SharedMemory, sharedMemory } from './web-assembly.ts';
