import { FIRST_LPI, type Intid, isSpecial, SPURIOUS, type VcpuId } from '../arch/intid.ts';
import { IDLE_PRIORITY, LEVEL_SHIFT, PRIORITY_MASK } from '../arch/priority.ts';
import { lowestBit } from '../memory/bits.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { peek, poke, type Words } from '../memory/word.ts';
import type { InterruptSource } from './interrupt-source.ts';
import {
  GROUP1,
  isDeliverable,
  NONE,
  PRIORITY_SHIFT,
  priorityOf,
  TARGET,
  TARGET_SHIFT,
  targetOf,
} from './state.ts';

const PMR = 0;
const BPR0 = 1;
const BPR1 = 2;
const CTLR = 3;
const IGRPEN = 4;
const AP0R = 5;
const AP1R = 6;
// The words below are not architectural registers.
/** Masks of the group priority bits for groups 0 and 1, computed from the binary points and CBPR. */
const MASK0 = 8;
const MASK1 = 9;
/** The read-only bits of ICC_CTLR_EL1 that userspace restored; {@link RESTORED} is set once userspace has. */
const FEATURES = 10;
const RESTORED = 1 << 31;

const CBPR = 1 << 0;
const EOIMODE = 1 << 1;
const LOWEST_BPR0 = 2;
const LOWEST_BPR1 = 3;

/** Adds the registers of one vCPU's CPU interface to a layout. */
export function cpuInterfaceRegion(layout: Layout, vcpu: VcpuId): Region {
  return layout.region(`vcpu${vcpu}.icc`, LINE);
}

/** Choices of an implementation about EOIR and DIR, where the architecture says UNPREDICTABLE or leaves the choice to software. */
export type CpuInterfaceChoices = {
  /** Whether EOIR ignores a write when the most urgent active priority belongs to the other group. */
  readonly checksEoiGroup: boolean;
  /**
   * true: EOIR deactivates an interrupt only if the interrupt is active on this vCPU, in the register's group, with the priority
   * that EOIR dropped. false: EOIR deactivates the interrupt on any vCPU.
   */
  readonly eoiEndsMatching: boolean;
  /** Whether DIR deactivates an SPI that is active on another vCPU. Before Linux 6.19, KVM loses such a DIR. */
  readonly dirReachesOthers: boolean;
};

const ARCHITECTURE: CpuInterfaceChoices = {
  checksEoiGroup: false,
  eoiEndsMatching: false,
  dirReachesOthers: true,
};

/**
 * The CPU interface of one vCPU: the state and the effects of its ICC_*_EL1 system registers.
 *
 * The registers are plain words of the vCPU's thread: while the vCPU runs, only that thread may call these methods.
 * {@link InterruptSource} holds the states of interrupts, which other threads change at the same time.
 * @see Arm IHI 0069, "Programmers' model, CPU interface"; hyp/vgic-v3-sr.c for KVM's choices
 */
export class CpuInterface {
  readonly #words: Words;
  readonly #at: number;
  readonly #interrupts: InterruptSource;
  readonly #choices: CpuInterfaceChoices;
  readonly vcpu: VcpuId;

  constructor(
    words: Words,
    region: Region,
    vcpu: VcpuId,
    interrupts: InterruptSource,
    choices: CpuInterfaceChoices = ARCHITECTURE,
  ) {
    this.#words = words;
    this.#at = region.at;
    this.#interrupts = interrupts;
    this.#choices = choices;
    this.vcpu = vcpu;
  }

  reset(): void {
    for (let register = 0; register < LINE; register++) this.#put(register, 0);
    this.#put(BPR0, LOWEST_BPR0);
    this.#put(BPR1, LOWEST_BPR1);
    this.#putMasks();
  }

  /**
   * Reads ICC_IAR1_EL1: acknowledges the most urgent group 1 interrupt, if masks and priorities let it be signalled.
   * @returns its INTID, or 1023 with nothing changed
   */
  acknowledge(): Intid {
    return this.#acknowledge(GROUP1);
  }

  /** Reads ICC_IAR0_EL1, as {@link acknowledge} for group 0. */
  acknowledgeGroup0(): Intid {
    return this.#acknowledge(0);
  }

  #acknowledge(group: number): Intid {
    for (;;) {
      const intid = this.#candidate();
      if (intid === NONE) return SPURIOUS;
      const state = this.#interrupts.stateFound;
      // guard: acknowledge-takes-its-group
      if ((state & GROUP1) !== group || !this.#signals(state)) return SPURIOUS;
      const taken = this.#interrupts.take(this.vcpu, intid, state);
      if (taken === 0) continue;
      // guard: acknowledge-raises-priority
      this.#setActivePriority(taken);
      return intid;
    }
  }

  /** Reads ICC_HPPIR1_EL1: the INTID of the highest priority pending interrupt, ignoring PMR and the running priority; else 1023. */
  get highestPending(): Intid {
    return this.#highestPending(GROUP1);
  }

  /** Reads ICC_HPPIR0_EL1. */
  get highestPendingGroup0(): Intid {
    return this.#highestPending(0);
  }

  #highestPending(group: number): Intid {
    const intid = this.#candidate();
    if (intid === NONE) return SPURIOUS;
    const state = this.#interrupts.stateFound;
    return (state & GROUP1) === group ? intid : SPURIOUS;
  }

  /**
   * Writes ICC_EOIR1_EL1: drops the running priority and, in EOImode 0, deactivates the interrupt. Ignores special INTIDs.
   * An INTID other than the most urgent active one drops the priority too; the personality chooses whether that INTID is deactivated.
   */
  endOfInterrupt(intid: Intid): void {
    this.#endOfInterrupt(intid, GROUP1);
  }

  /** Writes ICC_EOIR0_EL1: {@link endOfInterrupt} for group 0. Neither register deactivates an interrupt of the other group. */
  endOfInterruptGroup0(intid: Intid): void {
    this.#endOfInterrupt(intid, 0);
  }

  #endOfInterrupt(intid: Intid, group: number): void {
    if (isSpecial(intid)) return;
    const dropped = this.#dropPriority(group);
    // guard: eoi-leaves-active
    if (dropped < 0 || (this.#get(CTLR) & EOIMODE) !== 0) return;
    if (!this.#choices.eoiEndsMatching) {
      this.#deactivate(intid, GROUP1, group);
    } else if (dropped !== IDLE_PRIORITY) {
      const priority = this.#get(group === GROUP1 ? MASK1 : MASK0) & 0xff;
      const wanted = (this.vcpu << TARGET_SHIFT) | group | (dropped << PRIORITY_SHIFT);
      this.#deactivate(intid, TARGET | GROUP1 | (priority << PRIORITY_SHIFT), wanted);
    }
  }

  /** Writes ICC_DIR_EL1: deactivates the interrupt in EOImode 1; no effect in EOImode 0. */
  deactivate(intid: Intid): void {
    // guard: dir-ends-interrupt
    if ((this.#get(CTLR) & EOIMODE) === 0 || isSpecial(intid)) return;
    if (this.#choices.dirReachesOthers) this.#deactivate(intid, 0, 0);
    else this.#deactivate(intid, TARGET, this.vcpu << TARGET_SHIFT);
  }

  /** Deactivates an interrupt if the bits `mask` of its state equal `wanted`. See Interrupts.deactivate. */
  #deactivate(intid: Intid, mask: number, wanted: number): void {
    if (intid >= FIRST_LPI) return;
    const at = this.#interrupts.find(this.vcpu, intid);
    if (at !== NONE && this.#interrupts.deactivate(at, intid, mask, wanted))
      this.#interrupts.settle(this.vcpu, intid);
  }

  /** Whether the IRQ or the FIQ line into the core is asserted. */
  get signalled(): boolean {
    return this.#signalled() !== NONE;
  }

  /** Whether the IRQ line is asserted (ISR_EL1.I): IAR1 would return a group 1 interrupt. */
  get irq(): boolean {
    return this.#signalled() === GROUP1;
  }

  /** Whether the FIQ line is asserted (ISR_EL1.F): IAR0 would return a group 0 interrupt. */
  get fiq(): boolean {
    return this.#signalled() === 0;
  }

  /** A cheap check for pollers before {@link signalled}: false means that no interrupt is signalled; true may be spurious. */
  get mayBeSignalled(): boolean {
    return this.#interrupts.wantsLook(this.vcpu);
  }

  /**
   * {@link signalled} for a sleeping vCPU. Any thread may call: the method leaves the list alone. If any interrupt is listed, the
   * method searches the bits of all INTIDs.
   */
  get isCalled(): boolean {
    const groups = this.#get(IGRPEN) & this.#interrupts.forwarding;
    if (groups === 0 || !this.mayBeSignalled) return false;
    let called = false;
    this.#interrupts.forEachListed(this.vcpu, (at) => {
      const state = this.#interrupts.state(at);
      const isOfGroup = (groups & ((state & GROUP1) !== 0 ? 2 : 1)) !== 0;
      if (isOfGroup && isDeliverable(state) && targetOf(state) === this.vcpu) called ||= this.#signals(state);
    });
    return called;
  }

  /** The group of the signalled interrupt, GROUP1 or 0, or {@link NONE}. */
  #signalled(): Intid {
    const intid = this.#candidate();
    if (intid === NONE) return NONE;
    const state = this.#interrupts.stateFound;
    return this.#signals(state) ? state & GROUP1 : NONE;
  }

  /** ICC_RPR_EL1: the priority of the most urgent active interrupt, or 0xff. */
  get runningPriority(): number {
    const active = this.#get(AP0R) | this.#get(AP1R);
    return active === 0 ? IDLE_PRIORITY : lowestBit(active) << LEVEL_SHIFT;
  }

  get priorityMask(): number {
    return this.#get(PMR);
  }

  /** ICC_PMR_EL1: only interrupts with a numerically lower priority are signalled. 0 after reset. */
  set priorityMask(value: number) {
    this.#put(PMR, value & PRIORITY_MASK);
  }

  get control(): number {
    return this.#get(CTLR);
  }

  /** The writable bits of ICC_CTLR_EL1: CBPR (bit 0) and EOImode (bit 1). */
  set control(value: number) {
    this.#put(CTLR, value & (CBPR | EOIMODE));
    this.#putMasks();
  }

  /** The read-only bits of ICC_CTLR_EL1 that userspace restored, or undefined. */
  get features(): number | undefined {
    const restored = this.#get(FEATURES);
    return restored === 0 ? undefined : restored & ~RESTORED;
  }

  set features(value: number) {
    this.#put(FEATURES, value | RESTORED);
  }

  get binaryPoint0(): number {
    return this.#get(BPR0);
  }

  set binaryPoint0(value: number) {
    this.#put(BPR0, Math.max(value & 7, LOWEST_BPR0));
    this.#putMasks();
  }

  get binaryPoint1(): number {
    return (this.#get(CTLR) & CBPR) !== 0 ? Math.min(this.#get(BPR0) + 1, 7) : this.#get(BPR1);
  }

  set binaryPoint1(value: number) {
    if ((this.#get(CTLR) & CBPR) !== 0) return;
    this.#put(BPR1, Math.max(value & 7, LOWEST_BPR1));
    this.#putMasks();
  }

  get groupEnable0(): boolean {
    return (this.#get(IGRPEN) & 1) !== 0;
  }

  /** ICC_IGRPEN0_EL1. */
  set groupEnable0(on: boolean) {
    this.#put(IGRPEN, on ? this.#get(IGRPEN) | 1 : this.#get(IGRPEN) & ~1);
  }

  get groupEnable1(): boolean {
    return (this.#get(IGRPEN) & 2) !== 0;
  }

  /** ICC_IGRPEN1_EL1. */
  set groupEnable1(on: boolean) {
    this.#put(IGRPEN, on ? this.#get(IGRPEN) | 2 : this.#get(IGRPEN) & ~2);
  }

  get activePriorities0(): number {
    return this.#get(AP0R);
  }

  set activePriorities0(value: number) {
    this.#put(AP0R, value);
  }

  get activePriorities1(): number {
    return this.#get(AP1R);
  }

  /** ICC_AP1R0_EL1: a bit for each of the 32 preemption levels. */
  set activePriorities1(value: number) {
    this.#put(AP1R, value);
  }

  /** All registers that hold state, and the running priority, by name: for consoles. Allocates. */
  registers(): Readonly<Record<string, number>> {
    return {
      ICC_PMR_EL1: this.priorityMask,
      ICC_BPR0_EL1: this.binaryPoint0,
      ICC_BPR1_EL1: this.binaryPoint1,
      ICC_CTLR_EL1: this.control,
      ICC_IGRPEN0_EL1: this.groupEnable0 ? 1 : 0,
      ICC_IGRPEN1_EL1: this.groupEnable1 ? 1 : 0,
      ICC_AP0R0_EL1: this.activePriorities0 >>> 0,
      ICC_AP1R0_EL1: this.activePriorities1 >>> 0,
      ICC_RPR_EL1: this.runningPriority,
    };
  }

  #candidate(): Intid {
    // guard: disabled-group-waits
    const groups = this.#get(IGRPEN) & this.#interrupts.forwarding;
    if (groups === 0) return NONE;
    return this.#interrupts.best(this.vcpu, groups === 3 ? -1 : groups === 2 ? GROUP1 : 0);
  }

  /** Whether PMR and the running priority let an interrupt with this state be signalled. */
  #signals(state: number): boolean {
    // guard: only-urgent-is-signalled
    return priorityOf(state) < this.#get(PMR) && this.#groupPriority(state) < this.runningPriority;
  }

  /** The group priority, which decides preemption. @see "Priority grouping" */
  #groupPriority(state: number): number {
    return priorityOf(state) & this.#get((state & GROUP1) !== 0 ? MASK1 : MASK0);
  }

  #putMasks(): void {
    const common = (this.#get(CTLR) & CBPR) !== 0;
    this.#put(MASK0, 0xff << (this.#get(BPR0) + 1));
    this.#put(MASK1, 0xff << (common ? this.#get(BPR0) + 1 : this.#get(BPR1)));
  }

  #setActivePriority(state: number): void {
    const register = (state & GROUP1) !== 0 ? AP1R : AP0R;
    this.#put(register, this.#get(register) | (1 << (this.#groupPriority(state) >>> LEVEL_SHIFT)));
  }

  /**
   * Clears the most urgent active priority and returns it; {@link IDLE_PRIORITY} if none is active. -1, with nothing cleared, if the
   * personality checks the group and no priority of `group` is the most urgent.
   */
  #dropPriority(group: number): number {
    const active0 = this.#get(AP0R);
    const active1 = this.#get(AP1R);
    const active = active0 | active1;
    const top = active & -active;
    const topGroup = (active0 & top) === 0 ? GROUP1 : 0;
    if (this.#choices.checksEoiGroup && (active === 0 || topGroup !== group)) return -1;
    if (active === 0) return IDLE_PRIORITY;
    // guard: eoi-drops-priority
    if (topGroup === GROUP1) this.#put(AP1R, active1 & ~top);
    else this.#put(AP0R, active0 & ~top);
    return lowestBit(top) << 3;
  }

  #get(register: number): number {
    return peek(this.#words, this.#at + register);
  }

  #put(register: number, value: number): void {
    poke(this.#words, this.#at + register, value);
  }
}
