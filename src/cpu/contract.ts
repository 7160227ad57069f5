import type { SharedMemory } from './web-assembly.ts';

/**
 * The contract of the AArch64 core with a board that runs guests on it.
 *
 * A core is a view of one vCPU's block in the shared memory; one thread at a time may run it. Guest RAM is one range of
 * guest-physical addresses in the same memory; the core passes accesses to all other addresses to the bus.
 */
export type CoreParts = {
  /** Shared memory with the vCPU's block and the guest's RAM. */
  readonly memory: SharedMemory;
  /** Byte offset of the vCPU's block in the memory, a multiple of 64; `BLOCK_BYTES` long. */
  readonly at: number;
  /** Guest RAM: byte offset in the memory (a multiple of 4 KiB), guest-physical base and bytes (the same). */
  readonly ramAt: number;
  readonly ramBase: number;
  readonly ramSize: number;
  /**
   * Byte offset of three 32-bit words, initially zero, that all vCPUs of the machine share: a lock for 128-bit atomics, the epoch of
   * broadcast TLB invalidations, and the number of vCPUs that wait for others to apply the epoch.
   */
  readonly lockAt: number;
  /**
   * For vCPUs that run in a thread each. `at`: byte offset of 64 bytes for each vCPU, initially zero; `index`: this vCPU; `count`:
   * number of vCPUs; `endAt`: byte offset of a word that is nonzero once the run has ended. A DSB after broadcast TLB maintenance waits
   * until no other vCPU uses an old translation, or until at most 10 ms after the end of the run.
   * Absent: vCPUs run in turns, and no DSB waits.
   */
  readonly beside?: {
    readonly at: number;
    readonly index: number;
    readonly count: number;
    readonly endAt: number;
  };
  /**
   * For virtual time. `at`: byte offset of the first vCPU's time words; `stride`: bytes to the next vCPU's; `index`: this vCPU;
   * `count`: number of vCPUs. The core then reads CNTVCT_EL0 and CNTPCT_EL0 itself. See `GuestClock`.
   */
  readonly counter?: {
    readonly at: number;
    readonly stride: number;
    readonly index: number;
    readonly count: number;
  };
  /** Byte offset of a byte for each 4 KiB page of RAM, set when the page is written. Absent: not recorded. */
  readonly dirtyPagesAt?: number;
  /**
   * Byte offset of a byte for each page of RAM, nonzero for a watched page, followed by a filter of 8 KiB: see {@link WatchedMemory}.
   * Absent: no memory is watched.
   */
  readonly watchAt?: number;
  /** Performs accesses to physical addresses outside RAM. */
  readonly bus: Bus;
  /** System registers outside the core: the GIC's CPU interface and the generic timer. */
  readonly systemRegisters: ExternalRegisters;
  /**
   * HVC from EL1: PSCI. Reads x0 to x3 and writes x0 through `Core.x`/`Core.setX`; may call `Core.stop`.
   * @param immediate - of the HVC instruction, 0 to 65,535; PSCI uses 0
   */
  readonly hypercall: (immediate: number) => void;
};

/** Accesses outside RAM. The guest takes a synchronous external abort for `undefined` and `false`. */
export type Bus = {
  read(address: number, bytes: 1 | 2 | 4 | 8): bigint | undefined;
  write(address: number, bytes: 1 | 2 | 4 | 8, value: bigint): boolean;
};

/**
 * Registers by encoding (op0 15:14, op1 13:11, CRn 10:7, CRm 6:3, op2 2:0, as `encode` of the GIC). For `undefined` and `false` the
 * guest takes an UNDEFINED exception. After each call the core samples the interrupt line, so an implementation that changes pending
 * interrupts calls `Core.setIrq` before it returns.
 */
export type ExternalRegisters = {
  read(encoding: number): bigint | undefined;
  write(encoding: number, value: bigint): boolean;
};

/**
 * Why `Core.run` returned. `limit`: all instructions ran. `wfi`, `wfe`, `yield`: the instruction before the pc (see `Core.spins`);
 * a WFI with the interrupt line asserted does not end the run. `stop`: an import called `Core.stop`. `break`: at a BRK (pc is its
 * address) with debug breaks on. `semihosting`: behind an HLT 0xf000 (x0 the operation, x1 its argument) with semihosting on.
 */
export type ExitReason = 'limit' | 'wfi' | 'wfe' | 'yield' | 'stop' | 'break' | 'semihosting';
