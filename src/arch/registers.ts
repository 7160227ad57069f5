import { SGI_FRAME, VLPI_FRAME, VSGI_FRAME } from './frames.ts';
import type { Intid } from './intid.ts';

/**
 * Offsets of the registers in their frames, by their architectural names. A run of registers has the name of its first
 * register: `gicd.ISENABLER + 4` is GICD_ISENABLER1.
 * @see Arm IHI 0069, "The GIC register maps"
 */

/** Fields of each interrupt: at the same offsets in the distributor and in the SGI frame of a redistributor. */
export const interruptFields = {
  IGROUPR: 0x0080,
  ISENABLER: 0x0100,
  ICENABLER: 0x0180,
  ISPENDR: 0x0200,
  ICPENDR: 0x0280,
  ISACTIVER: 0x0300,
  ICACTIVER: 0x0380,
  IPRIORITYR: 0x0400,
  ICFGR: 0x0c00,
  IGRPMODR: 0x0d00,
  NSACR: 0x0e00,
} as const;

/** The distributor, GICD_*. */
export const gicd = {
  CTLR: 0x0000,
  TYPER: 0x0004,
  IIDR: 0x0008,
  TYPER2: 0x000c,
  STATUSR: 0x0010,
  SETSPI_NSR: 0x0040,
  CLRSPI_NSR: 0x0048,
  SETSPI_SR: 0x0050,
  CLRSPI_SR: 0x0058,
  ...interruptFields,
  ITARGETSR: 0x0800,
  SGIR: 0x0f00,
  CPENDSGIR: 0x0f10,
  SPENDSGIR: 0x0f20,
  IROUTER: 0x6000,
  PIDR4: 0xffd0,
  PIDR2: 0xffe8,
} as const;

/** A redistributor, GICR_*, from its RD frame on. The SGI frame is for the SGIs and PPIs of its vCPU. */
export const gicr = {
  CTLR: 0x0000,
  IIDR: 0x0004,
  TYPER: 0x0008,
  STATUSR: 0x0010,
  WAKER: 0x0014,
  SETLPIR: 0x0040,
  CLRLPIR: 0x0048,
  PROPBASER: 0x0070,
  PENDBASER: 0x0078,
  INVLPIR: 0x00a0,
  INVALLR: 0x00b0,
  SYNCR: 0x00c0,
  PIDR4: 0xffd0,
  PIDR2: 0xffe8,
  IGROUPR0: SGI_FRAME + interruptFields.IGROUPR,
  ISENABLER0: SGI_FRAME + interruptFields.ISENABLER,
  ICENABLER0: SGI_FRAME + interruptFields.ICENABLER,
  ISPENDR0: SGI_FRAME + interruptFields.ISPENDR,
  ICPENDR0: SGI_FRAME + interruptFields.ICPENDR,
  ISACTIVER0: SGI_FRAME + interruptFields.ISACTIVER,
  ICACTIVER0: SGI_FRAME + interruptFields.ICACTIVER,
  IPRIORITYR: SGI_FRAME + interruptFields.IPRIORITYR,
  ICFGR0: SGI_FRAME + interruptFields.ICFGR,
  ICFGR1: SGI_FRAME + interruptFields.ICFGR + 4,
  IGRPMODR0: SGI_FRAME + interruptFields.IGRPMODR,
  NSACR: SGI_FRAME + interruptFields.NSACR,
  // GICv4.1: the VLPI frame.
  VPROPBASER: VLPI_FRAME + 0x0070,
  VPENDBASER: VLPI_FRAME + 0x0078,
  VSGIR: VLPI_FRAME + 0x0080,
  VSGIPENDR: VLPI_FRAME + 0x0088,
} as const;

/** An ITS, GITS_*, from its control frame on. TRANSLATER, the doorbell, lies in the second frame. */
export const gits = {
  CTLR: 0x0000,
  IIDR: 0x0004,
  TYPER: 0x0008,
  CBASER: 0x0080,
  CWRITER: 0x0088,
  CREADR: 0x0090,
  BASER: 0x0100,
  BASER0: 0x0100,
  BASER1: 0x0108,
  PIDR4: 0xffd0,
  PIDR0: 0xffe0,
  PIDR2: 0xffe8,
  BASER2: 0x0110,
  TRANSLATER: 0x1_0040,
  /** GICv4.1. */
  SGIR: VSGI_FRAME + 0x20,
} as const;

/**
 * The offset of the 32-bit register that holds the field of one interrupt.
 * @param register - the first of its run: `gicd.ISENABLER`
 * @param bits - width of the field: 1, 2 for ICFGR, 8 for IPRIORITYR
 */
export function wordOf(register: number, intid: Intid, bits: 1 | 2 | 8 = 1): number {
  return register + 4 * Math.floor((intid * bits) / 32);
}
