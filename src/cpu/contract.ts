import type { SharedMemory } from './web-assembly.ts';

/**
 * The contract of the AArch64 core: what a board needs to run guests on it.
 *
 * A core is a view of one vCPU's block in the shared memory; only one thread at a time may run it. Guest RAM is one
 * range of guest-physical addresses that lies in the same memory; every other address goes to the bus.
 */
export type CoreParts = {
  /** Shared. Holds the vCPU's block and the guest's RAM. */
  readonly memory: SharedMemory;
  /** Byte offset of the vCPU's block in the memory, a multiple of 64; `BLOCK_BYTES` long. */
  readonly at: number;
  /** Guest RAM: byte offset in the memory (a multiple of 4 KiB), guest-physical base and bytes (the same). */
  readonly ramAt: number;
  readonly ramBase: number;
  readonly ramSize: number;
  /**
   * Byte offset of three 32-bit words, zero at first, that all vCPUs of the machine share: a lock for 128-bit atomics, the
   * epoch of their TLBs, and how many vCPUs wait for others to heed it.
   */
  readonly lockAt: number;
  /**
   * For vCPUs that threads run side by side: byte offset of 64 bytes for each of them, zero at first; which of them this one
   * is; how many there are; byte offset of a word that is not zero once the run has ended. Then a DSB behind broadcast TLB
   * maintenance waits until no other uses an old translation, or until the run has ended, at most 10 ms later.
   * Left out: vCPUs run in turns, and no DSB waits.
   */
  readonly beside?: {
    readonly at: number;
    readonly index: number;
    readonly count: number;
    readonly endAt: number;
  };
  /**
   * Where time is counted by instructions: byte offset of the first vCPU's words of it, and from one vCPU's to the next; which
   * vCPU this is, of how many. The core then reads CNTVCT_EL0 and CNTPCT_EL0 by itself. See `GuestClock`.
   */
  readonly counter?: {
    readonly at: number;
    readonly stride: number;
    readonly index: number;
    readonly count: number;
  };
  /** Byte offset of a byte for each 4 KiB page of RAM, set when the page is written; left out: not recorded. */
  readonly dirtyPagesAt?: number;
  /**
   * Byte offset of a byte for each page of RAM, not zero where accesses to the page are watched, and of 8 KiB behind these:
   * see {@link WatchedMemory}. Left out: nothing is watched.
   */
  readonly watchAt?: number;
  /** What lies behind physical addresses outside RAM. */
  readonly bus: Bus;
  /** System registers that the core does not hold itself: the GIC's CPU interface and the generic timer. */
  readonly systemRegisters: ExternalRegisters;
  /**
   * HVC from EL1: PSCI. Reads x0 to x3 and writes x0 through `Core.x`/`Core.setX`; may call `Core.stop`.
   * @param immediate - of the HVC instruction, 0 to 65,535; PSCI uses 0
   */
  readonly hypercall: (immediate: number) => void;
};

/** Accesses outside RAM. `undefined` and `false` become a synchronous external abort in the guest. */
export type Bus = {
  read(address: number, bytes: 1 | 2 | 4 | 8): bigint | undefined;
  write(address: number, bytes: 1 | 2 | 4 | 8, value: bigint): boolean;
};

/**
 * Registers by encoding (op0 15:14, op1 13:11, CRn 10:7, CRm 6:3, op2 2:0: as `encode` of the GIC has it). `undefined`
 * and `false` become an UNDEFINED exception in the guest. After each call the core looks at the interrupt line again, so
 * an implementation that changes what is pending calls `Core.setIrq` before it returns.
 */
export type ExternalRegisters = {
  read(encoding: number): bigint | undefined;
  write(encoding: number, value: bigint): boolean;
};

/**
 * Why `Core.run` came back. `limit`: all instructions were run. `wfi`, `wfe`, `yield`: the instruction is behind the pc
 * (see `Core.spins`);
 * a WFI with the interrupt line up does not end the run. `stop`: an import called `Core.stop`. `break`: at a BRK (pc is its
 * address) with debug breaks on. `semihosting`: behind an HLT 0xf000 (x0 the operation, x1 its argument) with semihosting on.
 */
export type ExitReason = 'limit' | 'wfi' | 'wfe' | 'yield' | 'stop' | 'break' | 'semihosting';
