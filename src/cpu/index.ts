/** The AArch64 core: {@link Core} is made of {@link CoreParts}; byte offsets of a vCPU's block are in `core/block.ts`. */
export type { CoreParts, ExitReason } from './contract.ts';
export { BLOCK_BYTES } from './core/block.ts';
export { Core, type CoreOptions } from './core.ts';
export { CoreSnapshot } from './snapshot.ts';
export { FILTER_BYTES, WatchedMemory } from './watched-memory.ts';
export { type SharedMemory, sharedMemory } from './web-assembly.ts';
