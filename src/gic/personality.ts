import { FIRST_LPI, FIRST_PPI, FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import type { CpuInterfaceChoices } from './cpu-interface.ts';
import type { InterruptChoices } from './interrupt-regions.ts';
import { EDGE, ENABLED, GROUP1, NO_TARGET, NONE, TARGET_SHIFT } from './state.ts';

/** What a GIC says of itself, how it starts, and what it chose where the architecture leaves a choice. */
export type GicPersonality = CpuInterfaceChoices &
  InterruptChoices & {
    readonly name: string;

    /** GICR_IIDR, and GICD_IIDR but for the revision. */
    readonly iidr: number;
    /** GICD_IIDR bits 15:12 after reset. In KVM userspace may lower it; below 3, GICR_CTLR and INVLPIR are as they were. */
    readonly revision: number;
    /** GICD_TYPER beside ITLinesNumber, IDbits and LPIS: A3V is bit 24, No1N bit 25. */
    readonly distributorFeatures: number;
    /** What is added to the number of SPIs before ITLinesNumber is computed from it; 32 is the architecture's. */
    readonly countedPrivates: 0 | 32;
    readonly distributorStatus: number;
    /** The registers at 0xffd0 to 0xfffc: PIDR4-7, PIDR0-3, CIDR0-3. */
    readonly distributorIds: readonly number[];
    readonly redistributorIds: readonly number[];
    /** GICR_TYPER.CommonLPIAff, in place. */
    readonly commonLpiAffinity: number;
    /** The read-only bits of GICR_CTLR: CES is bit 1, IR bit 2. */
    readonly redistributorFeatures: number;
    /** ICC_CTLR_EL1 beside CBPR and EOImode: PRIbits 10:8, IDbits 13:11, A3V 15. */
    readonly interfaceFeatures: number;

    /** States after reset, without their target. */
    readonly sgi: number;
    readonly ppi: number;
    readonly spi: number;
    /** GICR_PROPBASER and GICR_PENDBASER after reset. */
    readonly tableReset: bigint;

    /** The enables in GICD_CTLR that can be written. With only bit 1, that bit forwards both groups. */
    readonly groupEnables: 2 | 3;
    /** Bits of an IPRIORITYR byte that are kept. */
    readonly priorityMask: number;
    /** Bits of an IROUTER that are kept. */
    readonly routerMask: bigint;
    /** Whether GICR_ICFGR1 can be written. */
    readonly writablePpiTrigger: boolean;
    /** Whether GICR_WAKER is there. */
    readonly waker: boolean;
    /** One GICR_PROPBASER for all redistributors. */
    readonly sharedPropbaser: boolean;
    /** Whether shareability and cacheability of table registers are replaced by what is supported, and RES0 bits cleared. */
    readonly sanitisesTables: boolean;
    /** Whether the table registers of a redistributor keep their value while its LPIs are enabled. */
    readonly locksTables: boolean;
    /** Whether GICR_PENDBASER.PTZ spares the reading of the pending table (and reads as zero). */
    readonly honoursPtz: boolean;
    /** Whether clearing EnableLPIs leaves what is pending in the pending table. If not, it is forgotten. */
    readonly storesPending: boolean;
    /** Whether an LPI that is on a vCPU's list outlives its last mapping, and is delivered once. */
    readonly outliveMappings: boolean;
    /** Whether GICR_INVLPIR and GICR_INVALLR do anything (from revision 3 on). */
    readonly invalidates: boolean;
    /** Whether an LPI beyond PROPBASER's ID bits cannot be mapped. If not, all that the machine has can be. */
    readonly limitsMappings: boolean;

    /** Whether each 1 driven on an edge-triggered wire is a new edge; if not, only the step from 0 to 1 is. */
    readonly everyOneIsAnEdge: boolean;
    /** Whether turning the distributor on, and routing an SPI, bring forth what is pending already. */
    readonly requeues: boolean;
    /** Whether the vGIC has the attribute group MAINT_IRQ. Of the measured kernels, 7.2. */
    readonly hasMaintenanceGroup: boolean;
    /** Whether an ITS refuses a control that it does not know; else it does nothing, and succeeds. Of the measured kernels, 7.2. */
    readonly refusesUnknownControls: boolean;
    /** The PPI that follows the wire of the virtual timer, whatever registers say, as its pending bit reads; NONE: no such PPI. */
    readonly timerPpi: Intid;
    /** Whether ICC_SGI1R raises SGIs of either group. If not, it raises group 1 only. */
    readonly sgi1ForAnyGroup: boolean;
  };

/** KVM's vgic of Linux 7.2, the newest that was measured. @see vgic-init.c, vgic-mmio.c, vgic-mmio-v3.c */
const KVM: GicPersonality = {
  name: 'kvm',
  iidr: 0x4b00_043b,
  revision: 3,
  distributorFeatures: 0,
  countedPrivates: 32,
  distributorStatus: 0xffff_ffff,
  distributorIds: [0, 0, 0, 0, 0, 0, 0x3b, 0, 0, 0, 0, 0],
  redistributorIds: [0, 0, 0, 0, 0, 0, 0x3b, 0, 0, 0, 0, 0],
  commonLpiAffinity: 0,
  redistributorFeatures: 0b110,
  interfaceFeatures: (4 << 8) | (1 << 11) | (1 << 15),
  sgi: EDGE | ENABLED | GROUP1,
  ppi: GROUP1,
  spi: EDGE | GROUP1,
  tableReset: 0x580n,
  groupEnables: 2,
  priorityMask: 0xf8,
  routerMask: 0x00ff_ffffn,
  writablePpiTrigger: false,
  waker: false,
  sharedPropbaser: true,
  sanitisesTables: true,
  locksTables: true,
  honoursPtz: true,
  storesPending: false,
  invalidates: true,
  limitsMappings: true,
  everyOneIsAnEdge: true,
  requeues: false,
  hasMaintenanceGroup: true,
  refusesUnknownControls: true,
  timerPpi: 27,
  sgi1ForAnyGroup: true,
  checksEoiGroup: false,
  eoiEndsMatching: true,
  dirReachesOthers: true,
  firstCome: true,
  keepsLevelLatch: true,
  loadsPendingFirst: true,
  outliveMappings: true,
};

/** QEMU 7.2's `virt` machine under TCG: what the recorded guests ran on. */
const QEMU_VIRT: GicPersonality = {
  name: 'qemu-virt',
  iidr: 0x43b,
  revision: 0,
  distributorFeatures: (1 << 24) | (1 << 25),
  countedPrivates: 0,
  distributorStatus: 0,
  distributorIds: [0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1],
  redistributorIds: [0x44, 0, 0, 0, 0x93, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1],
  commonLpiAffinity: 1 << 24,
  redistributorFeatures: 0b010,
  interfaceFeatures: (4 << 8) | (1 << 11) | (1 << 15),
  sgi: EDGE,
  ppi: 0,
  spi: 0,
  tableReset: 0n,
  groupEnables: 3,
  priorityMask: 0xff,
  routerMask: 0xffff_ffff_ffff_ffffn,
  writablePpiTrigger: true,
  waker: true,
  sharedPropbaser: false,
  sanitisesTables: false,
  locksTables: false,
  honoursPtz: false,
  storesPending: true,
  invalidates: false,
  limitsMappings: false,
  everyOneIsAnEdge: false,
  requeues: true,
  hasMaintenanceGroup: false,
  refusesUnknownControls: true,
  timerPpi: NONE,
  sgi1ForAnyGroup: false,
  checksEoiGroup: true,
  eoiEndsMatching: false,
  dirReachesOthers: true,
  firstCome: false,
  keepsLevelLatch: false,
  loadsPendingFirst: true,
  outliveMappings: false,
};

/**
 * Linux 6.12 and, in what was measured, 6.1 as well: DIR of an SPI that is active on another vCPU is lost, and with more active
 * interrupts than list registers none that is pending is delivered.
 */
const KVM_6_12: GicPersonality = {
  ...KVM,
  name: 'kvm-6.12',
  hasMaintenanceGroup: false,
  refusesUnknownControls: false,
  dirReachesOthers: false,
  loadsPendingFirst: false,
};
const KVM_6_1: GicPersonality = { ...KVM_6_12, name: 'kvm-6.1' };

/** Every personality by its name; the position of the name is its number where it must be one word. */
export const GIC_PERSONALITIES = {
  kvm: KVM,
  'qemu-virt': QEMU_VIRT,
  'kvm-6.12': KVM_6_12,
  'kvm-6.1': KVM_6_1,
} as const satisfies Record<string, GicPersonality>;

export type GicPersonalityName = keyof typeof GIC_PERSONALITIES;

/** The state of an interrupt after reset; `vcpu` is whose it is, below 32. SPIs go to vCPU 0, LPIs to none. */
export function resetState(personality: GicPersonality, intid: Intid, vcpu: VcpuId): number {
  if (intid >= FIRST_LPI) return EDGE | GROUP1 | (NO_TARGET << TARGET_SHIFT);
  if (intid >= FIRST_SPI) return personality.spi;
  return (intid < FIRST_PPI ? personality.sgi : personality.ppi) | (vcpu << TARGET_SHIFT);
}
