import { GICD_BYTES, GICR_STRIDE, GITS_BYTES } from '../arch/frames.ts';
import type { Gic } from '../gic/gic.ts';
import type { Its } from '../its/its.ts';

export type AccessBytes = 1 | 2 | 4 | 8;

/** Where the frames lie in the guest's physical addresses. */
export type MmioBases = { readonly gicdBase: number; readonly gicrBase: number; readonly itsBase: number };

/**
 * The guest's register accesses by physical address. Any thread may call: a vCPU's access runs in its own thread, and
 * what it reaches takes the locks that it needs. An access to nothing reads zero and writes nothing; none ever throws.
 */
export class Mmio {
  readonly #bases: MmioBases;
  readonly #gic: Gic;
  readonly #its: Its;
  readonly #gicrEnd: number;

  constructor(bases: MmioBases, gic: Gic, its: Its, vcpus: number) {
    this.#bases = bases;
    this.#gic = gic;
    this.#its = its;
    this.#gicrEnd = bases.gicrBase + vcpus * GICR_STRIDE;
  }

  read(address: number, bytes: AccessBytes): bigint {
    const { gicdBase, gicrBase, itsBase } = this.#bases;
    if (address >= gicdBase && address < gicdBase + GICD_BYTES)
      return this.#gic.distributor.read(address - gicdBase, bytes);
    if (address >= itsBase && address < itsBase + GITS_BYTES) return this.#its.read(address - itsBase, bytes);
    const offset = address - gicrBase;
    if (address < gicrBase || address >= this.#gicrEnd) return 0n;
    return this.#gic.redistributor(Math.floor(offset / GICR_STRIDE)).read(offset % GICR_STRIDE, bytes);
  }

  write(address: number, bytes: AccessBytes, value: bigint): void {
    const { gicdBase, gicrBase, itsBase } = this.#bases;
    if (address >= gicdBase && address < gicdBase + GICD_BYTES) {
      this.#gic.distributor.write(address - gicdBase, bytes, value);
    } else if (address >= itsBase && address < itsBase + GITS_BYTES) {
      this.#its.write(address - itsBase, bytes, value);
    } else if (address >= gicrBase && address < this.#gicrEnd) {
      const offset = address - gicrBase;
      this.#gic.redistributor(Math.floor(offset / GICR_STRIDE)).write(offset % GICR_STRIDE, bytes, value);
    }
  }
}
