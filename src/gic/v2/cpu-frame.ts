import { FIRST_PPI, type Intid, SPURIOUS, type VcpuId } from '../../arch/intid.ts';
import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { load, store, type Words } from '../../memory/word.ts';
import type { CpuInterface } from '../cpu-interface.ts';
import { GROUP1, NONE, priorityOf, TARGET, TARGET_SHIFT } from '../state.ts';
import { MOST_V2_VCPUS, type SgiSources } from './sgi-sources.ts';

/** The registers of a CPU interface, by offset. @see Arm IHI 0048, GICC and GICV */
export const GICC = {
  CTLR: 0,
  PMR: 4,
  BPR: 8,
  IAR: 0xc,
  EOIR: 0x10,
  RPR: 0x14,
  HPPIR: 0x18,
  ABPR: 0x1c,
  AIAR: 0x20,
  AEOIR: 0x24,
  AHPPIR: 0x28,
  APR: 0xd0,
  IIDR: 0xfc,
  DIR: 0x1000,
} as const;

/** Bits of GICC_CTLR that a guest can write, of a virtual CPU interface. */
const CONTROL = 0x21f;
const ACK_CTL = 1 << 2;
const CBPR = 1 << 4;
const EOIMODE = 1 << 9;
/** The highest pending interrupt is of group 1, and IAR does not acknowledge it. */
const GROUP1_PENDING = 1022;
const INTID = 0x3ff;
const SOURCE_SHIFT = 10;
/** GICV_IIDR: architecture 2, Arm. */
const IIDR = 0x2043b;
// Words of a vCPU: GICC_CTLR, and the binary points as they were written.
const CTLR_AT = 0;
const BPR_AT = 1;
const ABPR_AT = 2;

/** Adds the CPU interfaces of a GICv2 to a layout. Their priorities live in the words of the GICv3's. */
export function cpuFrameRegion(layout: Layout): Region {
  return layout.region('gicv2.cpu', MOST_V2_VCPUS * LINE);
}

type CpuFrameParts = {
  readonly words: Words;
  readonly region: Region;
  readonly cpu: CpuInterface;
  readonly sgis: SgiSources;
};

/**
 * The CPU interface of a GICv2 as a guest of KVM has it: a frame of 8 KiB, which hardware maps to the virtual CPU interface (GICV).
 * 32-bit accesses by the thread of its vCPU.
 */
export class CpuFrame {
  readonly #words: Words;
  readonly #at: number;
  readonly #cpu: CpuInterface;
  readonly #sgis: SgiSources;
  readonly #vcpu: VcpuId;

  constructor({ words, region, cpu, sgis }: CpuFrameParts) {
    this.#words = words;
    this.#at = region.at + cpu.vcpu * LINE;
    this.#cpu = cpu;
    this.#sgis = sgis;
    this.#vcpu = cpu.vcpu;
  }

  read(offset: number): number {
    const cpu = this.#cpu;
    switch (offset) {
      case GICC.CTLR:
        return this.control;
      case GICC.PMR:
        return cpu.priorityMask;
      case GICC.BPR:
        return cpu.binaryPoint0;
      case GICC.ABPR:
        return cpu.binaryPoint1;
      case GICC.IAR:
        return this.#acknowledge();
      case GICC.RPR:
        return cpu.runningPriority;
      case GICC.HPPIR:
        return this.#highest();
      case GICC.AIAR:
        return this.#named(cpu.acknowledge());
      case GICC.AHPPIR:
        return cpu.highestPending;
      case GICC.APR:
        return (cpu.activePriorities0 | cpu.activePriorities1) >>> 0;
      case GICC.IIDR:
        return IIDR;
      default:
        return 0;
    }
  }

  write(offset: number, value: number): void {
    const cpu = this.#cpu;
    if (offset === GICC.CTLR) this.control = value;
    else if (offset === GICC.PMR) cpu.priorityMask = value;
    else if (offset === GICC.BPR) this.setBinaryPoint(0, Math.max(value & 7, 2));
    else if (offset === GICC.ABPR) this.setBinaryPoint(1, Math.max(value & 7, 3));
    else if (offset === GICC.EOIR) this.#end(value & INTID);
    else if (offset === GICC.AEOIR) cpu.endOfInterrupt(value & INTID);
    else if (offset === GICC.DIR) cpu.deactivate(value & INTID);
    else if (offset === GICC.APR) cpu.activePriorities0 = value;
  }

  get control(): number {
    return load(this.#words, this.#at + CTLR_AT);
  }

  set control(value: number) {
    const cpu = this.#cpu;
    store(this.#words, this.#at + CTLR_AT, value & CONTROL);
    cpu.groupEnable0 = (value & 1) !== 0;
    cpu.groupEnable1 = (value & 2) !== 0;
    cpu.control = ((value & CBPR) === 0 ? 0 : 1) | ((value & EOIMODE) === 0 ? 0 : 2);
  }

  /** A binary point as userland last wrote it, 0 before that: KVM keeps it unclamped until hardware has had it. */
  binaryPoint(group: 0 | 1): number {
    return load(this.#words, this.#at + (group === 0 ? BPR_AT : ABPR_AT));
  }

  setBinaryPoint(group: 0 | 1, value: number): void {
    store(this.#words, this.#at + (group === 0 ? BPR_AT : ABPR_AT), value & 7);
    if (group === 0) this.#cpu.binaryPoint0 = value;
    else this.#cpu.binaryPoint1 = value;
  }

  /** The INTID of the highest pending interrupt below the mask; 1022 where it is of group 1 and only AIAR acknowledges it. */
  #highest(): Intid {
    const intid = this.#sgis.forwarding === 0 ? NONE : this.#sgis.best(this.#vcpu, -1);
    if (intid === NONE || priorityOf(this.#sgis.stateFound) >= this.#cpu.priorityMask) return SPURIOUS;
    if ((this.#sgis.stateFound & GROUP1) !== 0)
      return (this.control & ACK_CTL) === 0 ? GROUP1_PENDING : intid;
    return (this.control & 1) === 0 ? SPURIOUS : intid;
  }

  #acknowledge(): number {
    const intid = this.#highest();
    if (intid === GROUP1_PENDING) return intid;
    const state = intid === SPURIOUS ? 0 : this.#sgis.stateFound;
    const cpu = this.#cpu;
    return this.#named((state & GROUP1) === 0 ? cpu.acknowledgeGroup0() : cpu.acknowledge());
  }

  /** An acknowledged INTID, an SGI's with its source. */
  #named(intid: Intid): number {
    return intid < FIRST_PPI ? intid | (this.#sgis.activeSource(this.#vcpu, intid) << SOURCE_SHIFT) : intid;
  }

  #end(intid: Intid): void {
    const at = this.#sgis.find(this.#vcpu, intid);
    const isGroup1 = at !== NONE && (this.#sgis.state(at) & GROUP1) !== 0;
    if (isGroup1 && (this.control & ACK_CTL) !== 0) this.#cpu.endOfInterrupt(intid);
    else this.#cpu.endOfInterruptGroup0(intid);
    // A GICv2 ends an interrupt of this vCPU whatever priority it drops.
    if (at === NONE || (this.control & EOIMODE) !== 0) return;
    if (this.#sgis.deactivate(at, intid, TARGET, this.#vcpu << TARGET_SHIFT))
      this.#sgis.settle(this.#vcpu, intid);
  }
}
