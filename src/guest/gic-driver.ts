import { gicrStride } from '../arch/frames.ts';
import type { Intid, VcpuId } from '../arch/intid.ts';
import { gicd, gicr, wordOf } from '../arch/registers.ts';
import { ENABLE_GROUP1, ENABLE_LPIS, PENDING_TABLE_ZERO } from '../arch/tables.ts';
import { affinityOf } from '../gic/affinity.ts';
import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { GicFrames, RegisterBus } from './register-bus.ts';

/** Linux's ICC_PMR_EL1: every interrupt of Linux has a more urgent priority. */
const LINUX_PRIORITY_MASK = 0xf0;
/** The priority that Linux gives every interrupt. @see GICD_INT_DEF_PRI */
export const LINUX_PRIORITY = 0xa0;

/** SGIs are INTID 0 to 15. */
const SGIS = 16;
const ALL_SGIS = 0xffff;

/** The tables of LPI configuration bytes and pending bits in guest memory. */
export type LpiTables = {
  readonly configTable: number;
  /** For one vCPU; aligned to 64 KiB. */
  readonly pendingTable: number;
  /** Bits of an INTID: LPIs end at 2^idBits - 1. */
  readonly idBits: number;
  /** GICR_PENDBASER.PTZ: the guest promises a zero pending table, and the GIC need not read the table. */
  readonly isZero?: boolean;
};

/** How a driver requests an SPI. */
export type SpiSetup = { readonly edge: boolean; readonly vcpu: VcpuId };

/** The guest kernel's driver of distributor and redistributors. One thread at a time. */
export class GicDriver {
  readonly #bus: RegisterBus;
  readonly #frames: GicFrames;

  constructor(bus: RegisterBus, frames: GicFrames) {
    this.#bus = bus;
    this.#frames = frames;
  }

  /** Enables the distributor's forwarding of group 1. */
  enable(): void {
    this.#bus.write(this.#frames.gicdBase + gicd.CTLR, 4, BigInt(ENABLE_GROUP1));
  }

  /** Disables all forwarding by the distributor. */
  disable(): void {
    this.#bus.write(this.#frames.gicdBase + gicd.CTLR, 4, 0n);
  }

  /** Disables the LPIs of a vCPU. KVM drops their pending state. */
  disableLpis(vcpu: VcpuId): void {
    this.#bus.write(this.#redistributor(vcpu) + gicr.CTLR, 4, 0n);
  }

  /** Sets the LPI tables of a vCPU, whose LPIs must be disabled. */
  setLpiTables(vcpu: VcpuId, { configTable, pendingTable, idBits, isZero = false }: LpiTables): void {
    const frame = this.#redistributor(vcpu);
    this.#bus.write(frame + gicr.PROPBASER, 8, BigInt(configTable) | BigInt(idBits - 1));
    this.#bus.write(frame + gicr.PENDBASER, 8, BigInt(pendingTable) | (isZero ? PENDING_TABLE_ZERO : 0n));
  }

  /** Enables the LPIs of a vCPU that has its tables. The GIC then reads the pending table. */
  enableLpis(vcpu: VcpuId): void {
    const frame = this.#redistributor(vcpu);
    this.#bus.write(frame + gicr.CTLR, 4, BigInt(ENABLE_LPIS));
  }

  /** Enables the SGIs of a vCPU, in group 1. */
  enableSgis(vcpu: VcpuId): void {
    const frame = this.#redistributor(vcpu);
    const igroupr = frame + gicr.IGROUPR0;
    this.#bus.write(igroupr, 4, this.#bus.read(igroupr, 4) | BigInt(ALL_SGIS));
    for (let sgi: Intid = 0; sgi < SGIS; sgi++)
      this.#bus.write(frame + gicr.IPRIORITYR + sgi, 1, BigInt(LINUX_PRIORITY));
    this.#bus.write(frame + gicr.ISENABLER0, 4, BigInt(ALL_SGIS));
  }

  /** Configures an SPI: trigger, group 1, priority, target, enable. */
  enableSpi(intid: Intid, { edge, vcpu }: SpiSetup): void {
    const { gicdBase } = this.#frames;
    const icfgr = gicdBase + wordOf(gicd.ICFGR, intid, 2);
    const isEdge = 2n << BigInt(2 * (intid & 15));
    const before = this.#bus.read(icfgr, 4);
    this.#bus.write(icfgr, 4, edge ? before | isEdge : before & ~isEdge);
    const bit = 1n << BigInt(intid & 31);
    const igroupr = gicdBase + wordOf(gicd.IGROUPR, intid);
    this.#bus.write(igroupr, 4, this.#bus.read(igroupr, 4) | bit);
    this.#bus.write(gicdBase + gicd.IPRIORITYR + intid, 1, BigInt(LINUX_PRIORITY));
    this.targetSpi(intid, vcpu);
    this.#bus.write(gicdBase + wordOf(gicd.ISENABLER, intid), 4, bit);
  }

  /** Enables or disables an SPI: GICD_ISENABLER, GICD_ICENABLER. */
  setSpiEnabled(intid: Intid, on: boolean): void {
    this.#writeBit(on ? gicd.ISENABLER : gicd.ICENABLER, intid);
  }

  /** Sets or clears the pending state of an SPI: GICD_ISPENDR, GICD_ICPENDR. */
  setSpiPending(intid: Intid, on: boolean): void {
    this.#writeBit(on ? gicd.ISPENDR : gicd.ICPENDR, intid);
  }

  /** Sets the priority of an SPI: GICD_IPRIORITYR. */
  setSpiPriority(intid: Intid, priority: number): void {
    this.#bus.write(this.#frames.gicdBase + gicd.IPRIORITYR + intid, 1, BigInt(priority));
  }

  /** Makes SGIs of a vCPU pending: GICR_ISPENDR0. @param sgis - one bit each */
  setSgisPending(vcpu: VcpuId, sgis: number): void {
    this.#bus.write(this.#redistributor(vcpu) + gicr.ISPENDR0, 4, BigInt(sgis));
  }

  #redistributor(vcpu: VcpuId): number {
    return this.#frames.gicrBase + vcpu * gicrStride(this.#frames.vpes);
  }

  #writeBit(register: number, intid: Intid): void {
    this.#bus.write(this.#frames.gicdBase + wordOf(register, intid), 4, 1n << BigInt(intid & 31));
  }

  /** Routes an SPI to a vCPU: GICD_IROUTER. */
  targetSpi(intid: Intid, vcpu: VcpuId): void {
    this.#bus.write(this.#frames.gicdBase + gicd.IROUTER + 8 * intid, 8, BigInt(affinityOf(vcpu)));
  }
}

/** Opens a vCPU's interface to group 1, as Linux does when it brings the CPU up. Call in the vCPU's thread. */
export function openCpuInterface(cpu: Pick<CpuInterface, 'priorityMask' | 'groupEnable1'>): void {
  cpu.priorityMask = LINUX_PRIORITY_MASK;
  cpu.groupEnable1 = true;
}
