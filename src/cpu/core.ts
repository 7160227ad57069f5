import type { CoreParts, ExitReason } from './contract.ts';
import {
  BLOCK_BYTES,
  EXCEPTIONS,
  EXCLUSIVE_AT,
  FPCR,
  INSTRUCTIONS,
  INTERRUPTS,
  IRQ,
  MPIDR,
  OPTION_BREAKS,
  OPTION_SEMIHOSTING,
  OPTION_STORE_BUFFER,
  OPTIONS,
  PC,
  PSTATE,
  REFUSED,
  SCTLR_EL1,
  SEEN,
  SEEN_ENTRIES,
  SP,
  SP_EL0,
  SP_EL1,
  SPINS,
  STATE_BYTES,
  STOP,
  STORES,
  V,
} from './core/block.ts';
import { type CoreExports, instantiate } from './module.ts';

const REASONS: readonly ExitReason[] = ['limit', 'wfi', 'wfe', 'yield', 'stop', 'break', 'semihosting'];
/** EL1 with SP_EL1, DAIF set. */
const RESET_PSTATE = 0x3c5;
/** Most instructions of one call. V8 installs optimised WebAssembly code only at the next call, so a call must not last long. */
const LONGEST = 65_536;
const RESET_SCTLR = 0x30d0_0800n;
/** RES1 bit 31 of MPIDR_EL1. */
const MPIDR_RES1 = 0x8000_0000n;

export type CoreOptions = {
  /** BRK ends the run with `break` instead of taking an exception. */
  readonly breaks?: boolean;
  /** HLT 0xf000 ends the run with `semihosting` instead of being UNDEFINED. */
  readonly semihosting?: boolean;
  /** Stores wait in a buffer, which barriers, ordered and exclusive accesses and {@link Core.drain} drain. */
  readonly storeBuffer?: boolean;
};

/**
 * An AArch64 core, EL0 and EL1, of one vCPU: a view of the vCPU's block in shared memory, which holds all state. One thread at a time
 * may run it; another thread that reads registers meanwhile may get values of some instructions earlier.
 */
export class Core {
  readonly #view: DataView<SharedArrayBuffer>;
  readonly #exports: CoreExports;

  /** Binds to a block without changing it. A new block (all zeros) needs {@link reset}. */
  constructor(parts: CoreParts) {
    const { memory, at, ramAt, bus, systemRegisters } = parts;
    const view = new DataView(memory.buffer, at, BLOCK_BYTES);
    this.#view = view;
    const refuse = () => view.setInt32(REFUSED, 1, true);
    this.#exports = instantiate(memory, {
      busRead: (address, bytes) => {
        const value = bus.read(Number(address), bytes as 1 | 2 | 4 | 8);
        if (value === undefined) refuse();
        return value ?? 0n;
      },
      busWrite: (address, bytes, value) => {
        const unsigned = BigInt.asUintN(bytes * 8, value);
        if (!bus.write(Number(address), bytes as 1 | 2 | 4 | 8, unsigned)) refuse();
      },
      registerRead: (encoding) => {
        const value = systemRegisters.read(encoding);
        if (value === undefined) refuse();
        return value ?? 0n;
      },
      registerWrite: (encoding, value) => {
        if (!systemRegisters.write(encoding, BigInt.asUintN(64, value))) refuse();
      },
      hypercall: parts.hypercall,
    });
    const { ramBase, ramSize, lockAt, beside, counter, dirtyPagesAt = 0, watchAt = 0 } = parts;
    this.#exports.bind(at, lockAt, dirtyPagesAt, watchAt, ramAt, BigInt(ramBase), BigInt(ramSize));
    if (counter) this.#exports.countTime(counter.at, counter.stride, counter.index, counter.count);
    if (beside) this.#exports.runBeside(beside.at, beside.index, beside.count, beside.endAt);
  }

  /** Sets the reset state, with the registers that the kernel's boot protocol requires. */
  reset(start: { readonly pc: bigint; readonly x0: bigint; readonly affinity: number }): void {
    new Uint8Array(this.#view.buffer, this.#view.byteOffset, STATE_BYTES).fill(0);
    this.pc = start.pc;
    this.setX(0, start.x0);
    this.pstate = RESET_PSTATE;
    this.#view.setBigUint64(MPIDR, MPIDR_RES1 | BigInt(start.affinity), true);
    this.setState(SCTLR_EL1, RESET_SCTLR);
    this.setState(EXCLUSIVE_AT, 0xffff_ffff_ffff_ffffn);
    this.#exports.restored();
  }

  /** Runs at most `instructions` instructions; see {@link ExitReason}. */
  run(instructions: number): ExitReason {
    let left = instructions;
    while (left > LONGEST) {
      const reason = this.#exports.run(LONGEST);
      if (reason !== 0) return REASONS[reason] ?? 'limit';
      left -= LONGEST;
    }
    return REASONS[this.#exports.run(left)] ?? 'limit';
  }

  /** Ends the current run after its current instruction. Imports call this, in the thread that runs the core. */
  stop(): void {
    this.#view.setInt32(STOP, 1, true);
  }

  /** Level of the interrupt line from the GIC. The thread that runs the core, between two runs or in an import. */
  setIrq(level: boolean): void {
    this.#view.setInt32(IRQ, level ? 1 : 0, true);
  }

  get irq(): boolean {
    return this.#view.getInt32(IRQ, true) !== 0;
  }

  /** How many WFE and YIELD pass before the next ends a run; 0 after a reset. */
  set spins(count: number) {
    this.#view.setUint32(SPINS, count, true);
  }

  set options(options: CoreOptions) {
    const bits =
      (options.breaks ? OPTION_BREAKS : 0) |
      (options.semihosting ? OPTION_SEMIHOSTING : 0) |
      (options.storeBuffer ? OPTION_STORE_BUFFER : 0);
    this.#view.setInt32(OPTIONS, bits, true);
  }

  /** Drops cached translations. Call after an outside change of registers, translation tables or memory (a snapshot). */
  restored(): void {
    this.#exports.restored();
  }

  /** Makes the next write to each page set its dirty byte again. */
  protectPages(): void {
    this.#exports.protectPages();
  }

  /** The number of stores in the store buffer. */
  get waitingStores(): number {
    return this.#view.getInt32(STORES, true);
  }

  /**
   * Makes a waiting store visible. Stores may leave in any order, except stores to the same bytes.
   * @param index - 0 is the oldest
   * @returns false if no such store waits, or an older store overlaps it
   */
  drain(index: number): boolean {
    return this.#exports.drainOne(index) !== 0;
  }

  /** Makes all waiting stores visible, oldest first. */
  drainAll(): void {
    while (this.waitingStores > 0) this.drain(0);
  }

  /** Whether the core has made watched accesses since the last {@link takeSeen}. */
  get hasSeen(): boolean {
    return this.#view.getInt32(SEEN, true) !== 0;
  }

  /** Watched accesses since the last call, at most {@link SEEN_SLOTS}: byte offsets in RAM, rounded down to 8; + 1 for a write. */
  takeSeen(): number[] {
    const view = this.#view;
    const count = view.getInt32(SEEN, true);
    if (count === 0) return [];
    view.setInt32(SEEN, 0, true);
    return Array.from({ length: count }, (_, index) => view.getUint32(SEEN_ENTRIES + index * 4, true));
  }

  /** X0 to X30; 31 is the current SP. */
  x(register: number): bigint {
    return this.#view.getBigUint64(register === 31 ? SP : register * 8, true);
  }

  setX(register: number, value: bigint): void {
    this.#view.setBigUint64(register === 31 ? SP : register * 8, value, true);
  }

  get pc(): bigint {
    return this.#view.getBigUint64(PC, true);
  }

  set pc(value: bigint) {
    this.#view.setBigUint64(PC, value, true);
  }

  /** PSTATE in SPSR's format. */
  get pstate(): number {
    return this.#view.getUint32(PSTATE, true);
  }

  set pstate(value: number) {
    this.#view.setUint32(PSTATE, value, true);
  }

  get el(): number {
    return (this.pstate >>> 2) & 3;
  }

  /** SP_EL0 or SP_EL1, current or not. */
  stackPointer(el: 0 | 1): bigint {
    const inUse = this.pstate & 1;
    if (inUse === el) return this.#view.getBigUint64(SP, true);
    return this.#view.getBigUint64(el === 0 ? SP_EL0 : SP_EL1, true);
  }

  /** A register of the block by its byte offset (`SCTLR_EL1` and the like of `block.ts`). */
  state(at: number): bigint {
    return this.#view.getBigUint64(at, true);
  }

  /** Writes a register of the block. Call {@link restored} after a register that affects translation. */
  setState(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true);
  }

  /** V0 to V31 as 128 bits. */
  v(register: number): bigint {
    const at = V + register * 16;
    return this.#view.getBigUint64(at, true) | (this.#view.getBigUint64(at + 8, true) << 64n);
  }

  setV(register: number, value: bigint): void {
    const at = V + register * 16;
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
    this.#view.setBigUint64(at + 8, BigInt.asUintN(64, value >> 64n), true);
  }

  get fpcr(): number {
    return this.#view.getUint32(FPCR, true);
  }

  set fpcr(value: number) {
    this.#view.setUint32(FPCR, value, true);
  }

  get fpsr(): number {
    return this.#view.getUint32(FPCR + 4, true);
  }

  set fpsr(value: number) {
    this.#view.setUint32(FPCR + 4, value, true);
  }

  /** Instructions since reset. Exact within an import too. */
  get instructions(): bigint {
    return this.#view.getBigUint64(INSTRUCTIONS, true);
  }

  /** {@link instructions} as a number: exact below 2^53, without allocation. */
  get instructionCount(): number {
    return this.#count(INSTRUCTIONS);
  }

  /** {@link exceptions} as a number. */
  get exceptionCount(): number {
    return this.#count(EXCEPTIONS);
  }

  #count(at: number): number {
    return this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  /** Synchronous exceptions taken. */
  get exceptions(): bigint {
    return this.#view.getBigUint64(EXCEPTIONS, true);
  }

  /** IRQ exceptions taken. */
  get interrupts(): bigint {
    return this.#view.getBigUint64(INTERRUPTS, true);
  }
}
