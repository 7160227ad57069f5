import { readFileSync } from 'node:fs';
import type { RunOptions } from '../../src/boot/run.ts';

/** The bare-metal guest that comes with irqloom. */
export const BARE = readFileSync(new URL('../../guests/bare/bare.bin', import.meta.url));

/** Options of a run of a small guest; the caller overrides some. */
export function runOptions(options: Partial<RunOptions>): RunOptions {
  return {
    kernel: BARE,
    append: 'semihosting',
    vcpus: 1,
    memoryMiB: 16,
    devices: [],
    clock: 'virtual',
    semihosting: true,
    seed: 1,
    scheduler: 'controlled',
    limitInstructions: 20_000_000,
    limitSeconds: 50,
    ...options,
  };
}

/** A flat guest of a few instructions. */
export function program(...instructions: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(instructions).buffer);
}
