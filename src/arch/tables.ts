/**
 * Fields of the registers that locate tables in guest memory. 64-bit registers are bigints.
 * @see Arm IHI 0069, GITS_BASER<n>, GITS_CBASER, GICR_PROPBASER, GICR_PENDBASER
 */

/** GITS_BASERn and GITS_CBASER: the table, or the queue, exists. */
export const VALID = 1n << 63n;
/** GITS_BASERn: the table has two levels. */
export const INDIRECT = 1n << 62n;
/** GITS_BASERn.Page_Size. */
export const PAGE_SIZE = 3n << 8n;
export const PAGE_64K = 2n << 8n;
/** GITS_BASERn and GITS_CBASER: pages of the table, or the queue, less one. */
export const SIZE = 0xffn;
/** Bytes of a page of the command queue. */
export const QUEUE_PAGE_BYTES = 4096;
/** GITS_CBASER and GICR_PROPBASER: the address, bits 51:12. */
export const ADDRESS_4K = 0x000f_ffff_ffff_f000n;
/** GICR_PENDBASER: the address, bits 51:16. */
export const ADDRESS_64K = 0x000f_ffff_ffff_0000n;
/** GITS_CWRITER and GITS_CREADR: the offset in the queue, bits 19:5. */
export const QUEUE_OFFSET = 0xf_ffe0;
/** GITS_CTLR.Enabled; EnableLPIs of GICR_CTLR is the same bit. */
export const ENABLED = 1n;

/** GICR_CTLR.EnableLPIs. */
export const ENABLE_LPIS = 1 << 0;
/** GICR_PROPBASER.IDbits: bits of an INTID, less one. */
export const ID_BITS = 0x1fn;
/** GICR_PENDBASER.PTZ: the guest promises that the table is all zeroes. */
export const PENDING_TABLE_ZERO = 1n << 62n;

/** GICR_VPENDBASER of GICv4.1: the vPE is resident; a doorbell is to ring once the vPE has left; interrupts are pending that none rings for. */
export const VPE_VALID = 1n << 63n;
export const VPE_DOORBELL = 1n << 62n;
export const VPE_PENDING_LAST = 1n << 61n;
/** GICR_VPENDBASER.VGrp0En, VGrp1En, and the number of the vPE. */
export const VPE_GROUPS = 3n << 58n;
export const VPE_ID = 0xffffn;

/** GICD_CTLR.EnableGrp1 of a machine with one security state. */
export const ENABLE_GROUP1 = 1 << 1;
