declare const space: unique symbol;
/** A number of one name space: numbers of two spaces must not be mixed up. */
export type In<Space extends string> = number & { readonly [space]: Space };

/** The guest's number for an interrupt: SGI 0-15, PPI 16-31, SPI 32-1019, LPI from 8192. */
export type Intid = In<'intid'>;

/** Number of a vCPU, 0 to `vcpus - 1`; also its redistributor's number and its affinity Aff1.Aff0. */
export type VcpuId = In<'vcpu'>;

/** SGIs and PPIs: every vCPU has these 32 for itself. */
export const PRIVATE_INTIDS = 32;
export const FIRST_PPI = 16;
export const FIRST_SPI = 32;
/** One past the last SPI that the architecture has room for. */
export const END_SPI = 1020;
/** INTIDs that the distributor's registers have room for: SGIs, PPIs, SPIs and the special ones. */
export const DISTRIBUTOR_INTIDS = 1024;
export const FIRST_LPI = 8192;
/** What ICC_IAR1 returns where there is nothing to acknowledge. */
export const SPURIOUS = 1023 as Intid;

/** Whether an INTID is one of 1020 to 1023, which name no interrupt. */
export function isSpecial(intid: number): boolean {
  return intid >= END_SPI && intid < DISTRIBUTOR_INTIDS;
}
