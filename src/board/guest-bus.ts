import { GICD_BYTES, gicrStride, gitsBytes } from '../arch/frames.ts';
import type { Gic } from '../gic/gic.ts';
import type { Its } from '../its/its.ts';
import type { Fd } from '../kvm/gsi.ts';
import type { IoEventFds } from '../kvm/ioeventfds.ts';
import type { VgicState } from '../kvm/vgic/vgic-state.ts';

export type AccessBytes = 1 | 2 | 4 | 8;

/** Says that a guest has rung an eventfd by a write to memory: a virtio doorbell. */
type Ring = (fd: Fd) => void;

/**
 * The guest's accesses to addresses without memory: the frames, wherever userland has put them, and the ioeventfds. An
 * access to nothing reads zero and writes nothing; none ever throws.
 *
 * speed: offsets are made integers (`| 0`), because a difference of addresses is a double, and every register behind the bus
 * would be compiled for doubles (bench machine).
 *
 * Any thread may call: a vCPU's access runs in its own thread, and the register that it reaches takes the locks it needs.
 */
export class GuestBus {
  readonly #gic: Gic;
  readonly #itses: readonly Its[];
  readonly #vgic: VgicState;
  readonly #ioeventfds: IoEventFds;
  readonly #ring: Ring;
  readonly #stride: number;
  readonly #itsBytes: number;

  constructor(gic: Gic, itses: readonly Its[], vgic: VgicState, ioeventfds: IoEventFds, ring: Ring) {
    this.#gic = gic;
    this.#itses = itses;
    this.#vgic = vgic;
    this.#ioeventfds = ioeventfds;
    this.#ring = ring;
    this.#stride = gicrStride(gic.config.vpes);
    this.#itsBytes = gitsBytes(gic.config.vpes);
  }

  read(address: number, bytes: number): bigint {
    const inDistributor = address - this.#vgic.distributor;
    if (inDistributor >= 0 && inDistributor < GICD_BYTES)
      return this.#gic.distributor.read(inDistributor | 0, bytes);
    const its = this.#itsAt(address);
    if (its >= 0) return this.#itses[its]?.read((address - this.#vgic.itsBase(its)) | 0, bytes) ?? 0n;
    const offset = this.#vgic.redistributorOffset(address, this.#stride);
    if (offset < 0) return 0n;
    return this.#gic.redistributor(Math.floor(offset / this.#stride)).read(offset % this.#stride, bytes);
  }

  write(address: number, bytes: number, value: bigint): void {
    const fd: Fd = this.#ioeventfds.match(address, bytes, value);
    if (fd >= 0) {
      this.#ring(fd);
      return;
    }
    const inDistributor = address - this.#vgic.distributor;
    if (inDistributor >= 0 && inDistributor < GICD_BYTES) {
      this.#gic.distributor.write(inDistributor | 0, bytes, value);
      return;
    }
    const its = this.#itsAt(address);
    if (its >= 0) {
      this.#itses[its]?.write((address - this.#vgic.itsBase(its)) | 0, bytes, value);
      return;
    }
    const offset = this.#vgic.redistributorOffset(address, this.#stride);
    if (offset >= 0)
      this.#gic.redistributor(Math.floor(offset / this.#stride)).write(offset % this.#stride, bytes, value);
  }

  /** A 32-bit read, as a number; unsigned. */
  readWord(address: number): number {
    // speed: commands of an ITS are sent by 32-bit accesses, which need no bigint (bench its).
    for (let number = 0; number < this.#itses.length; number++) {
      const offset = address - this.#vgic.itsBase(number);
      if (offset >= 0 && offset < this.#itsBytes) return this.#itses[number]?.readWord(offset | 0) ?? 0;
    }
    return Number(this.read(address, 4));
  }

  /** A 32-bit write, as a number. */
  writeWord(address: number, value: number): void {
    for (let number = 0; number < this.#itses.length && !this.#ioeventfds.any; number++) {
      const offset = address - this.#vgic.itsBase(number);
      if (offset >= 0 && offset < this.#itsBytes) {
        this.#itses[number]?.writeWord(offset | 0, value);
        return;
      }
    }
    this.write(address, 4, BigInt(value >>> 0));
  }

  /** The number of the ITS that has a frame at `address`, or -1. A place that is not set is NaN, and compares with nothing. */
  #itsAt(address: number): number {
    for (let number = 0; number < this.#itses.length; number++) {
      const offset = address - this.#vgic.itsBase(number);
      if (offset >= 0 && offset < this.#itsBytes) return number;
    }
    return -1;
  }
}
