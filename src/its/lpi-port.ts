import type { Intid, VcpuId } from '../arch/intid.ts';

/**
 * What an ITS needs of the LPIs of its machine. The interrupt controller provides it; the ITS knows no more of that.
 *
 * `latch` may be called by any thread at any time. All the others, here, are called with the lock of the ITS held.
 */
export interface LpiPort {
  /** vCPUs that exist; a redistributor's number is below it. */
  readonly vcpus: number;
  /** One past the highest LPI that the machine has room for. */
  readonly limit: number;

  /** One past the highest INTID that MAPTI accepts now, by GICR_PROPBASER.IDbits; 8192 or less where it accepts none. */
  mappingLimit(): number;
  /** Whether the redistributor of `vcpu` takes LPIs: its GICR_CTLR.EnableLPIs. */
  accepts(vcpu: VcpuId): boolean;
  /** The byte of `lpi` in the configuration table of its target; undefined where the table cannot be read. */
  configByte(lpi: Intid): number | undefined;
  /** Whether the bit of `lpi` in the pending table of `vcpu` lies in guest memory. */
  hasPendingByte(lpi: Intid, vcpu: VcpuId): boolean;
  /** Takes the bit of `lpi` out of the pending table of `vcpu` in guest memory; whether it was set. */
  importPending(lpi: Intid, vcpu: VcpuId): boolean;

  /** Counts one more event that maps `lpi`. True for the first: the LPI has come to life, disabled and sent nowhere. */
  map(lpi: Intid): boolean;
  /** Counts one event less; with the last one the LPI ends, and its latch is gone. */
  unmap(lpi: Intid): void;
  isMapped(lpi: Intid): boolean;
  forEachMapped(visit: (lpi: Intid) => void): void;

  latch(lpi: Intid): void;
  clear(lpi: Intid): void;
  isPending(lpi: Intid): boolean;
  /** Takes over a byte of the configuration table. */
  configure(lpi: Intid, config: number): void;
  /** The vCPU that it is sent to, or a number that is no vCPU's. */
  targetOf(lpi: Intid): VcpuId;
  /** Retargets an LPI to another vCPU; a pending LPI stays pending. */
  retarget(lpi: Intid, vcpu: VcpuId): void;
}
