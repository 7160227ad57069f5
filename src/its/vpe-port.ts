import type { Intid, VcpuId } from '../arch/intid.ts';

/** A vPE as VMAPP describes it. Addresses are guest-physical, multiples of 64 KiB. */
export type VpeMapping = {
  /** The PE at which the default doorbell rings until the vPE has been resident. */
  readonly pe: VcpuId;
  /** The default doorbell, a physical LPI; 1023 for none. */
  readonly doorbell: Intid;
  readonly configTable: number;
  readonly pendingTable: number;
  /** Bits of an INTID of the vPE. */
  readonly bits: number;
  /** Whether the pending table is all zeroes, so that the GIC need not read the table. */
  readonly isZero: boolean;
};

/**
 * The ITS's view of the vPEs of a GICv4.1. The redistributors make vPEs resident meanwhile, in any thread.
 * Callers hold the lock of the ITS. A vPE's number is below `count`.
 */
export interface VpePort {
  /** vPEs that the board has room for. */
  readonly count: number;
  /** One past the highest vLPI that a vPE can have. */
  readonly limit: number;

  isMapped(vpe: number): boolean;
  /** Whether the mapped vPE has such a vLPI: by the size of its pending table. */
  has(vpe: number, intid: Intid): boolean;
  /** Maps a vPE that is not mapped: pending state and configuration come from its tables. False where a table is not in memory. */
  map(vpe: number, mapping: VpeMapping): boolean;
  /** Ends a vPE, with its doorbell. False while the vPE is resident. @param save - writes the pending state into its table first */
  unmap(vpe: number, save: boolean): boolean;
  /** Moves a vPE that is not resident to another PE; false where the vPE is resident. @param doorbell - undefined: the same */
  move(vpe: number, pe: VcpuId, doorbell: Intid | undefined): boolean;
  /** Reads the configuration of the default doorbell again. */
  reloadDoorbell(vpe: number): void;

  signal(vpe: number, intid: Intid): void;
  clear(vpe: number, intid: Intid): void;
  /** Takes a vLPI, with its pending state, from one vPE to another. */
  transfer(from: number, to: number, intid: Intid): void;
  /** Reads the configuration of a vLPI, or of all vLPIs, again. */
  reload(vpe: number, intid: Intid): void;
  reloadAll(vpe: number): void;
  enableSgi(vpe: number, sgi: Intid, enable: boolean): void;
}

/** In the place of an event's LPI: an LPI is positive. */
const VIRTUAL = 1 << 31;
const VPE_SHIFT = 16;
const VPE_MASK = 0x7fff;

/** A vLPI of a vPE, as one negative number that stands in the place of an event's LPI. */
export const virtualId = (vpe: number, intid: Intid): Intid => VIRTUAL | (vpe << VPE_SHIFT) | intid;
export const vpeOf = (id: Intid): number => (id >>> VPE_SHIFT) & VPE_MASK;
export const vlpiOf = (id: Intid): Intid => id & 0xffff;
