declare const space: unique symbol;
/**
 * A number of one name space. The compiler refuses a number of another space; a plain number, from a register or from
 * arithmetic, needs no cast. @see docs/adr/0010-names-are-flavours.md
 */
export type In<Space extends string> = number & { readonly [space]?: Space };

/** The guest's number for an interrupt: SGI 0-15, PPI 16-31, SPI 32-1019, LPI from 8192. */
export type Intid = In<'intid'>;

/** An input of the irqchip: of a GIC 0 to 987, where SPI INTID = pin + 32; of an IOAPIC 0 to 23; of an APLIC source 1 to 1023. Neither a GSI nor an INTID. */
export type Pin = In<'pin'>;

/** Number of a vCPU, 0 to `vcpus - 1`; also its redistributor's number and its affinity Aff1.Aff0. */
export type VcpuId = In<'vcpu'>;

/** The ITS's number for a device that sends MSIs, 0 to `2^DeviceID bits - 1`: key of the device table. */
export type DeviceId = In<'deviceId'>;

/** A device's number for one of its MSIs, the data of the doorbell write: index of the device's ITT. */
export type EventId = In<'eventId'>;

/** SGIs and PPIs: each vCPU has its own 32. */
export const PRIVATE_INTIDS = 32;
export const FIRST_PPI = 16;
export const FIRST_SPI = 32;
/** One past the last SPI of the architecture. */
export const END_SPI = 1020;
/** INTIDs of the distributor's registers: SGIs, PPIs, SPIs and the special ones. */
export const DISTRIBUTOR_INTIDS = 1024;
export const FIRST_LPI = 8192;
/** The value of ICC_IAR1 when there is nothing to acknowledge. */
export const SPURIOUS: Intid = 1023;

/** Whether an INTID is one of 1020 to 1023, which name no interrupt. */
export function isSpecial(intid: Intid): boolean {
  return intid >= END_SPI && intid < DISTRIBUTOR_INTIDS;
}
