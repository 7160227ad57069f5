import type { GuestMemory } from '../../memory/guest-memory.ts';

/** A piece of guest memory that the driver offers, for the device to read or to write. */
export type Buffer = { readonly address: number; readonly bytes: number; readonly writable: boolean };

/** A request: its head descriptor, by which the device returns it, and its buffers in order. */
export type Chain = { readonly head: number; readonly buffers: readonly Buffer[] };

/** The guest-physical addresses of a queue's three parts, and the number of its descriptors. */
export type QueuePlace = {
  readonly size: number;
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
};

const DESCRIPTOR_BYTES = 16;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const NO_INTERRUPT = 1;

/** The driver has broken a rule of the queue: the device stops and requests a reset. */
export class QueueBroken extends Error {
  override readonly name = 'QueueBroken';
}

/**
 * The device's side of a split virtqueue. The rings are in guest memory; the caller stores the device's indices. The thread that serves
 * the device.
 * @see Virtual I/O Device (VIRTIO) 1.2, section 2.7
 */
export class SplitQueue {
  readonly #memory: GuestMemory;
  readonly #place: QueuePlace;

  constructor(memory: GuestMemory, place: QueuePlace) {
    this.#memory = memory;
    this.#place = place;
  }

  /** The driver's available index: offered requests, modulo 2^16. @throws IrqError if the ring is outside guest memory */
  get offered(): number {
    return this.#memory.word(this.#place.driver) >>> 16;
  }

  /** Whether the driver has disabled interrupts for returned buffers (VRING_AVAIL_F_NO_INTERRUPT). */
  get isQuiet(): boolean {
    return (this.#memory.word(this.#place.driver) & NO_INTERRUPT) !== 0;
  }

  /** The request that was offered as number `index`. @throws QueueBroken, and IrqError for an address outside guest memory */
  chain(index: number): Chain {
    const { size, driver } = this.#place;
    const head = this.#halfWord(driver + 4 + 2 * (index % size));
    const buffers: Buffer[] = [];
    for (let at = head, more = true; more; ) {
      if (at >= size) throw new QueueBroken(`descriptor ${at} of a queue of ${size}`);
      if (buffers.length >= size)
        throw new QueueBroken('a chain that is longer than its queue: it has a loop');
      const from = this.#place.descriptors + at * DESCRIPTOR_BYTES;
      const flagsAndNext = this.#memory.word(from + 12);
      if ((flagsAndNext & INDIRECT) !== 0)
        throw new QueueBroken('an indirect descriptor, which was not offered');
      buffers.push({
        address: Number(this.#memory.doubleWord(from)),
        bytes: this.#memory.word(from + 8) >>> 0,
        writable: (flagsAndNext & WRITE) !== 0,
      });
      more = (flagsAndNext & NEXT) !== 0;
      at = flagsAndNext >>> 16;
    }
    return { head, buffers };
  }

  /** Returns a request. @param index - how many were returned before, modulo 2^16; @param written - bytes */
  complete(index: number, head: number, written: number): void {
    const { size, device } = this.#place;
    const entry = device + 4 + 8 * (index % size);
    this.#memory.setWord(entry, head);
    this.#memory.setWord(entry + 4, written);
    // Stores the index last: a driver that reads the index finds the entry. The low half, the device's flags, stays 0.
    this.#memory.setWord(device, ((index + 1) & 0xffff) << 16);
  }

  #halfWord(address: number): number {
    return (this.#memory.word(address & ~3) >>> (8 * (address & 2))) & 0xffff;
  }
}

/** The bytes of a request's readable buffers, one after the other. @param most - @throws QueueBroken for more than this */
export function readBuffers(memory: GuestMemory, buffers: readonly Buffer[], most: number): Uint8Array {
  const readable = buffers.filter(({ writable }) => !writable);
  const total = readable.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > most) throw new QueueBroken(`a request of ${total} bytes; ${most} are the most`);
  const all = new Uint8Array(total);
  let at = 0;
  for (const { address, bytes } of readable) {
    all.set(memory.read(address, bytes), at);
    at += bytes;
  }
  return all;
}

/** Fills a request's writable buffers in order; returns the number of bytes that fitted. */
export function writeBuffers(memory: GuestMemory, buffers: readonly Buffer[], bytes: Uint8Array): number {
  let done = 0;
  for (const buffer of buffers) {
    if (!buffer.writable || done >= bytes.length) continue;
    const part = bytes.subarray(done, done + buffer.bytes);
    memory.write(buffer.address, part);
    done += part.length;
  }
  return done;
}

/** Room in the writable buffers, bytes. */
export function roomIn(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { bytes, writable }) => sum + (writable ? bytes : 0), 0);
}
