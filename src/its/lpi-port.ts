import type { Intid, VcpuId } from '../arch/intid.ts';

/**
 * The ITS's view of its machine's LPIs. The interrupt controller implements the port; the ITS sees nothing else of it.
 *
 * Any thread may call `latch` at any time. Callers of all other methods hold the lock of the ITS.
 */
export interface LpiPort {
  /** Number of vCPUs; redistributor numbers are below it. */
  readonly vcpus: number;
  /** One past the highest LPI of the machine. */
  readonly limit: number;

  /** One past the highest INTID that MAPTI accepts now, by GICR_PROPBASER.IDbits; 8192 or less means none. */
  mappingLimit(): number;
  /** Whether the redistributor of `vcpu` takes LPIs: its GICR_CTLR.EnableLPIs. */
  accepts(vcpu: VcpuId): boolean;
  /** The byte of `lpi` in the configuration table of its target; undefined where the table is not readable. */
  configByte(lpi: Intid): number | undefined;
  /** Whether the bit of `lpi` in the pending table of `vcpu` lies in guest memory. */
  hasPendingByte(lpi: Intid, vcpu: VcpuId): boolean;
  /** Clears the bit of `lpi` in the pending table of `vcpu` in guest memory; true if the bit was set. */
  importPending(lpi: Intid, vcpu: VcpuId): boolean;

  /**
   * Counts one more event that maps `lpi`. True for the first: the LPI comes to life, disabled and without a target.
   */
  map(lpi: Intid): boolean;
  /** Counts one event less. With the last event, the LPI and its latch end. */
  unmap(lpi: Intid): void;
  isMapped(lpi: Intid): boolean;
  forEachMapped(visit: (lpi: Intid) => void): void;

  latch(lpi: Intid): void;
  clear(lpi: Intid): void;
  isPending(lpi: Intid): boolean;
  /** Applies a byte of the configuration table. */
  configure(lpi: Intid, config: number): void;
  /** The vCPU that the LPI targets, or a number that is no vCPU's. */
  targetOf(lpi: Intid): VcpuId;
  /** Retargets an LPI to another vCPU; a pending LPI stays pending. */
  retarget(lpi: Intid, vcpu: VcpuId): void;
}
