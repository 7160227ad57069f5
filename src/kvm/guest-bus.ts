import { GICD_BYTES, GICR_STRIDE, GITS_BYTES } from '../arch/frames.ts';
import type { Gic } from '../gic/gic.ts';
import type { Its } from '../its/its.ts';
import { bytesOf } from './devices/redistributors.ts';
import type { VgicState } from './vgic-state.ts';

/** Offers a write to the ioeventfds; whether one took it. */
type Ring = (address: number, bytes: number, value: bigint) => boolean;

type Place = {
  readonly read: (bytes: number) => bigint;
  readonly write: (bytes: number, value: bigint) => void;
};

/**
 * What a guest's accesses to addresses without memory reach: the frames, wherever userspace has put them, and the
 * ioeventfds. An access to nothing reads zero. Any thread.
 */
export class GuestBus {
  readonly #gic: Gic;
  readonly #itses: readonly Its[];
  readonly #vgic: VgicState;
  readonly #ring: Ring;

  constructor(gic: Gic, itses: readonly Its[], vgic: VgicState, ring: Ring) {
    this.#gic = gic;
    this.#itses = itses;
    this.#vgic = vgic;
    this.#ring = ring;
  }

  read(address: number, bytes: number): bigint {
    return this.#find(address)?.read(bytes) ?? 0n;
  }

  write(address: number, bytes: number, value: bigint): void {
    if (!this.#ring(address, bytes, value)) this.#find(address)?.write(bytes, value);
  }

  #find(address: number): Place | undefined {
    const { distributor: gicd } = this.#gic;
    const inDistributor = address - this.#vgic.distributor;
    if (inDistributor >= 0 && inDistributor < GICD_BYTES) {
      return place(
        (bytes) => gicd.read(inDistributor, bytes),
        (bytes, value) => gicd.write(inDistributor, bytes, value),
      );
    }
    for (const [index, its] of this.#itses.entries()) {
      const offset = address - this.#vgic.itsBase(index);
      if (offset >= 0 && offset < GITS_BYTES)
        return place(
          (bytes) => its.read(offset, bytes),
          (bytes, value) => its.write(offset, bytes, value),
        );
    }
    return this.#redistributor(address);
  }

  #redistributor(address: number): Place | undefined {
    let first = 0;
    for (const region of this.#vgic.redistributors) {
      const bytes = bytesOf(region, this.#vgic.onlineVcpus);
      const offset = address - region.base;
      const vcpu = first + Math.floor(offset / GICR_STRIDE);
      if (offset >= 0 && offset < bytes && vcpu < this.#vgic.onlineVcpus) {
        const frame = this.#gic.redistributor(vcpu);
        const at = offset % GICR_STRIDE;
        return place(
          (size) => frame.read(at, size),
          (size, value) => frame.write(at, size, value),
        );
      }
      first += bytes / GICR_STRIDE;
    }
    return undefined;
  }
}

function place(read: Place['read'], write: Place['write']): Place {
  return { read, write };
}
