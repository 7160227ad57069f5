import { IrqError } from '../base/irq-error.ts';
import type { Layout, Region } from './layout.ts';
import type { Words } from './word.ts';

/**
 * A run of guest-physical addresses that are backed by memory; both multiples of 4 KiB. @see KVM_SET_USER_MEMORY_REGION
 */
export type MemorySlot = { readonly base: number; readonly bytes: number };

/** Adds room for the guest memory of `slots` to a layout. */
export function guestMemoryRegion(layout: Layout, slots: readonly MemorySlot[]): Region {
  return layout.region('ram', slots.reduce((sum, slot) => sum + slot.bytes, 0) / 4);
}

/**
 * The guest's memory: a few slots of guest-physical addresses, laid one behind the other in the shared buffer. Devices,
 * vCPUs and the tables of the ITS see the same bytes.
 *
 * Addresses are numbers up to 2^52. The accessors of bytes and words are atomic and little endian. `read` and `write`
 * copy runs of bytes plainly: the caller must know that no other thread uses those bytes. Any thread.
 */
export class GuestMemory {
  readonly #words: Words;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #at: number;
  readonly #slots: readonly MemorySlot[];
  /** A byte for each 4 KiB page; undefined unless {@link noteWrites} asked for dirty tracking. */
  #dirty: Uint8Array | undefined;

  constructor(words: Words, region: Region, slots: readonly MemorySlot[]) {
    this.#words = words;
    this.#bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    // guard: ram-offset-from-view
    this.#at = region.at * 4;
    this.#slots = slots;
  }

  /**
   * Starts dirty tracking: from here on, every write through this view sets the byte of its page. Requires one slot.
   * For snapshots of a guest that runs in this thread alone.
   */
  noteWrites(pages: Uint8Array): void {
    this.#dirty = pages;
  }

  get slots(): readonly MemorySlot[] {
    return this.#slots;
  }

  /** Whether all of `bytes` bytes from `address` on lie in one slot. */
  has(address: number, bytes: number): boolean {
    return this.#find(address, bytes) >= 0;
  }

  /** @throws IrqError `ERR_GUEST_ADDRESS` outside the slots, as every accessor below does */
  byte(address: number): number {
    return Atomics.load(this.#bytes, this.#within(address, 1));
  }

  setByte(address: number, value: number): void {
    Atomics.store(this.#bytes, this.#must(address, 1), value);
  }

  /** Sets the bits of `mask` in a byte; returns the old byte. */
  setBits(address: number, mask: number): number {
    // guard: guest-bits-in-one-step
    return Atomics.or(this.#bytes, this.#must(address, 1), mask);
  }

  /** Clears the bits of `mask` in a byte; returns the old byte. */
  clearBits(address: number, mask: number): number {
    return Atomics.and(this.#bytes, this.#must(address, 1), ~mask);
  }

  /** A 32-bit word; the address is rounded down to a multiple of 4. Signed. */
  word(address: number): number {
    return Atomics.load(this.#words, this.#within(address, 4) >>> 2);
  }

  setWord(address: number, value: number): void {
    Atomics.store(this.#words, this.#must(address, 4) >>> 2, value);
  }

  /** Reads consecutive words, each atomically, from a multiple of 4 on: for a command of an ITS. Signed. */
  words(address: number, into: number[]): void {
    const at = this.#within(address, 4 * into.length) >>> 2;
    const words = this.#words;
    for (let index = 0; index < into.length; index++) into[index] = Atomics.load(words, at + index);
  }

  setWords(address: number, values: readonly number[]): void {
    const at = this.#must(address, 4 * values.length) >>> 2;
    const words = this.#words;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] ?? 0;
      // speed: most words of a queue's slot still hold this value, and a load is cheaper (bench latency).
      if (Atomics.load(words, at + index) !== value) Atomics.store(words, at + index, value);
    }
  }

  /** A 64-bit little-endian value, read as two words: not atomic as a whole. */
  doubleWord(address: number): bigint {
    return (BigInt(this.word(address + 4) >>> 0) << 32n) | BigInt(this.word(address) >>> 0);
  }

  setDoubleWord(address: number, value: bigint): void {
    this.setWord(address, Number(BigInt.asIntN(32, value)));
    // guard: double-word-has-upper-half
    this.setWord(address + 4, Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** A copy of a run of bytes. */
  read(address: number, bytes: number): Uint8Array {
    const at = this.#within(address, bytes);
    return this.#bytes.slice(at, at + bytes);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#must(address, bytes.length));
  }

  fill(address: number, bytes: number, value: number): void {
    const at = this.#must(address, bytes);
    this.#bytes.fill(value, at, at + bytes);
  }

  #must(address: number, bytes: number): number {
    const at = this.#within(address, bytes);
    if (this.#dirty !== undefined && bytes > 0) {
      const offset = at - this.#at;
      this.#dirty.fill(1, offset >>> 12, ((offset + bytes - 1) >>> 12) + 1);
    }
    return at;
  }

  #within(address: number, bytes: number): number {
    const at = this.#find(address, bytes);
    if (at >= 0) return at;
    const slots = this.#slots.map(
      ({ base, bytes }) => `0x${base.toString(16)}-0x${(base + bytes - 1).toString(16)}`,
    );
    throw new IrqError(
      'ERR_GUEST_ADDRESS',
      `guest address 0x${address.toString(16)} (${bytes} bytes) is outside the guest's memory: ${slots.join(', ') || 'it has none'}`,
    );
  }

  /** Byte offset in the buffer; -1 outside the slots. */
  #find(address: number, bytes: number): number {
    let at = this.#at;
    for (const slot of this.#slots) {
      const offset = address - slot.base;
      // guard: run-ends-in-slot
      if (offset >= 0 && offset + bytes <= slot.bytes) return at + offset;
      // guard: slots-lie-in-order
      at += slot.bytes;
    }
    return -1;
  }
}
