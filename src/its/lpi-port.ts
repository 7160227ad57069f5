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
  accepts(vcpu: number): boolean;
  /** The byte of `lpi` in the configuration table of its target; undefined where the table cannot be read. */
  configByte(lpi: number): number | undefined;
  /** Whether the bit of `lpi` in the pending table of `vcpu` lies in guest memory. */
  hasPendingByte(lpi: number, vcpu: number): boolean;
  /** Takes the bit of `lpi` out of the pending table of `vcpu` in guest memory; whether it was set. */
  importPending(lpi: number, vcpu: number): boolean;

  /** Counts one more event that maps `lpi`. True for the first: the LPI has come to life, disabled and sent nowhere. */
  map(lpi: number): boolean;
  /** Counts one event less; with the last one the LPI ends, and what was latched in it is gone. */
  unmap(lpi: number): void;
  isMapped(lpi: number): boolean;
  forEachMapped(visit: (lpi: number) => void): void;

  latch(lpi: number): void;
  clear(lpi: number): void;
  isPending(lpi: number): boolean;
  /** Takes over a byte of the configuration table. */
  configure(lpi: number, config: number): void;
  /** The vCPU that it is sent to, or a number that is no vCPU's. */
  targetOf(lpi: number): number;
  /** Sends it to another vCPU; what is pending goes along. */
  retarget(lpi: number, vcpu: number): void;
}
