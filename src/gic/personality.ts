import { FIRST_LPI, FIRST_PPI, FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import type { CpuInterfaceChoices } from './cpu-interface.ts';
import type { InterruptChoices } from './interrupt-regions.ts';
import { EDGE, ENABLED, GROUP1, NO_TARGET, NONE, TARGET_SHIFT } from './state.ts';

/** A GIC implementation: its identification registers, its reset values, and its choices where the architecture leaves one. */
export type GicPersonality = CpuInterfaceChoices &
  InterruptChoices & {
    readonly name: string;

    /** GICR_IIDR, and GICD_IIDR without the revision. */
    readonly iidr: number;
    /** GICD_IIDR.Revision (15:12) after reset. KVM lets userspace lower it: below 3, GICR_CTLR has no CES and IR, and INVLPIR no effect. */
    readonly revision: number;
    /** GICD_TYPER without ITLinesNumber, IDbits and LPIS: A3V is bit 24, No1N bit 25. */
    readonly distributorFeatures: number;
    /** Added to the number of SPIs to compute ITLinesNumber; the architecture says 32. */
    readonly countedPrivates: 0 | 32;
    readonly distributorStatus: number;
    /** The registers at 0xffd0 to 0xfffc: PIDR4-7, PIDR0-3, CIDR0-3. */
    readonly distributorIds: readonly number[];
    readonly redistributorIds: readonly number[];
    /** GICR_TYPER.CommonLPIAff, at its position. */
    readonly commonLpiAffinity: number;
    /** The read-only bits of GICR_CTLR: CES is bit 1, IR bit 2. */
    readonly redistributorFeatures: number;
    /** ICC_CTLR_EL1 without CBPR and EOImode: PRIbits 10:8, IDbits 13:11, A3V 15. */
    readonly interfaceFeatures: number;

    /** States after reset, without their target. */
    readonly sgi: number;
    readonly ppi: number;
    readonly spi: number;
    /** GICR_PROPBASER and GICR_PENDBASER after reset. */
    readonly tableReset: bigint;

    /** Writable enables of GICD_CTLR. If only bit 1 is writable, it forwards both groups. */
    readonly groupEnables: 2 | 3;
    /** Writable bits of an IPRIORITYR byte. */
    readonly priorityMask: number;
    /** Writable bits of an IROUTER. */
    readonly routerMask: bigint;
    /** Whether GICR_ICFGR1 is writable. */
    readonly writablePpiTrigger: boolean;
    /** Whether GICR_WAKER is implemented. */
    readonly waker: boolean;
    /** Whether all redistributors share one GICR_PROPBASER. */
    readonly sharedPropbaser: boolean;
    /** Whether a write to a table register replaces unsupported shareability and cacheability, and clears RES0 bits. */
    readonly sanitisesTables: boolean;
    /** Whether writes to a redistributor's table registers are ignored while its LPIs are enabled. */
    readonly locksTables: boolean;
    /** Whether GICR_PENDBASER.PTZ makes EnableLPIs skip the pending table (PTZ then reads as zero). */
    readonly honoursPtz: boolean;
    /** Clearing EnableLPIs - true: stores pending LPIs in the pending table; false: drops them. */
    readonly storesPending: boolean;
    /** Whether a listed LPI outlives its last mapping and is delivered once. */
    readonly outliveMappings: boolean;
    /** Whether GICR_INVLPIR and GICR_INVALLR reload configurations (from revision 3 on). */
    readonly invalidates: boolean;
    /** LPIs that MAPTI may map - true: up to PROPBASER's ID bits; false: all LPIs of the machine. */
    readonly limitsMappings: boolean;

    /** On an edge-triggered wire, a new edge is - true: each driven 1; false: each change from 0 to 1. */
    readonly everyHighIsAnEdge: boolean;
    /** Whether enabling the distributor, and routing an SPI, queue interrupts that are pending already. */
    readonly requeues: boolean;
    /** Whether the vGIC has the attribute group MAINT_IRQ. Linux 7.2 has the group; the other measured kernels lack the group. */
    readonly hasMaintenanceGroup: boolean;
    /** An ITS's answer to an unknown control - true: an error; false: success, without effect. Linux 7.2 refuses; the other measured kernels succeed. */
    readonly refusesUnknownControls: boolean;
    /** The virtual timer's PPI, if the interrupt is HW-mapped: its pending bit then reads as its wire; else NONE. */
    readonly timerPpi: Intid;
    /** ICC_SGI1R sends - true: SGIs of either group; false: group 1 SGIs only. */
    readonly sgi1ForAnyGroup: boolean;
  };

/** KVM's vgic of Linux 7.2, the newest release that we measured. @see vgic-init.c, vgic-mmio.c, vgic-mmio-v3.c */
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
  everyHighIsAnEdge: true,
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

/** The `virt` machine of QEMU 7.2 under TCG, on which the recorded guests ran. */
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
  everyHighIsAnEdge: false,
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
 * KVM's vgic of Linux 6.12; 6.1 behaved the same in our measurements. KVM loses DIR of an SPI that is active on another vCPU, and
 * delivers no pending interrupt while more interrupts are active than list registers exist.
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

/** Every personality by name. Shared memory stores a personality as its index in this table. */
export const GIC_PERSONALITIES = {
  kvm: KVM,
  'qemu-virt': QEMU_VIRT,
  'kvm-6.12': KVM_6_12,
  'kvm-6.1': KVM_6_1,
} as const satisfies Record<string, GicPersonality>;

export type GicPersonalityName = keyof typeof GIC_PERSONALITIES;

/** The state of an interrupt after reset. `vcpu` owns an SGI or PPI; SPIs target vCPU 0, LPIs no vCPU. */
export function resetState(personality: GicPersonality, intid: Intid, vcpu: VcpuId): number {
  if (intid >= FIRST_LPI) return EDGE | GROUP1 | (NO_TARGET << TARGET_SHIFT);
  if (intid >= FIRST_SPI) return personality.spi;
  return (intid < FIRST_PPI ? personality.sgi : personality.ppi) | (vcpu << TARGET_SHIFT);
}
