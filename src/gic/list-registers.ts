import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { peek, poke, type Words } from '../memory/word.ts';
import type { InterruptSource } from './interrupt-source.ts';
import type { Interrupts } from './interrupts.ts';
import { IN_GROUP1, INTID, IS_ACTIVE, IS_PENDING, isAsLoaded, stateIn, TELLS_END } from './list-register.ts';
import type { LoadableInterrupts } from './loadable-interrupts.ts';
import { prune } from './queueing.ts';
import {
  ACTIVE,
  EDGE,
  ENABLED,
  GROUP1,
  isDeliverable,
  LATCH,
  LOADED,
  NONE,
  priorityOf,
  targetOf,
  UNQUEUED,
} from './state.ts';
import { VcpuList, type VcpuListRegions } from './vcpu-list.ts';

export const MOST_LIST_REGISTERS = 16;

// Words of a vCPU: whether its guest runs; list registers filled; EOIs without a list register; enabled maintenance interrupts.
const ENTERED = 0;
const USED = 1;
const EOI_COUNT = 2;
const WANTED = 3;
const COUNTERS = { entries: 4, overflows: 5, maintenance: 6, counted: 7 } as const;
const FIRST = LINE;

/** Since boot, modulo 2^32: guest entries, of these with interrupts left over, maintenance interrupts, EOIs without a list register. */
export type ListRegisterCounters = Readonly<Record<keyof typeof COUNTERS, number>>;

// Maintenance interrupt enables (ICH_HCR_EL2): at most one list register in use (UIE), none pending (NPIE), an EOI without one (LRENPIE).
const UNDERFLOW = 1;
const NO_PENDING = 2;
const NOT_PRESENT = 4;

/** Sort key base of active interrupts that are loaded after all pending ones. */
const BEHIND = 256;
/** Sort key of active interrupts that are loaded before all pending ones: kernels before Linux 6.19. */
const BEFORE = -1;
/** Sort key of list entries that are not loaded. */
const UNFIT = 2 * BEHIND;

/** Adds the list registers of one vCPU to a layout. */
export function listRegisterRegion(layout: Layout, vcpu: VcpuId): Region {
  return layout.region(`vcpu${vcpu}.lr`, FIRST + MOST_LIST_REGISTERS);
}

/**
 * The list registers of one vCPU (ICH_LR<n>_EL2), from which its guest acknowledges interrupts.
 * Entry: the vCPU fills them from its list; see `loadsPendingFirst` for the order if more interrupts wait than registers exist.
 * Exit: the vCPU folds them back into the states. The vCPU exits when it is rung, when it halts, and for a maintenance interrupt.
 * Maintenance interrupts: the EOI of a level interrupt; and, if interrupts were left over at entry, at most one register in use
 * (underflow), none pending, or an EOI without a register (at exit, each EOIcount ends an active interrupt outside the registers).
 * A loaded interrupt stays on the list; its state has {@link LOADED}.
 *
 * Two differences from KVM. KVM stops all vCPUs when a thread accesses an active register (ISACTIVER, ICACTIVER); here the active bit
 * of the state changes together with that of the list register. KVM may deliver a loaded interrupt after a register write has disabled
 * or moved it; here an acknowledge checks the state first, and exits the guest if the list register is out of date.
 *
 * The thread of the vCPU only; its words are plain. @see vgic_flush_lr_state, vgic_v3_fold_lr_state, vgic_v3_configure_hcr
 */
export class ListRegisters implements InterruptSource {
  readonly #words: Words;
  readonly #at: number;
  readonly #interrupts: LoadableInterrupts;
  readonly #list: VcpuList;
  readonly #vcpu: VcpuId;
  readonly #pendingFirst: boolean;
  /** List registers of the vCPU, 1 to 16. */
  readonly count: number;
  /** Result of the last {@link best}: the slot, and the interrupt's state as the list register has it. Not state of the machine. */
  readonly #found = new Int32Array(2);

  constructor(parts: ListRegisterParts) {
    this.#words = parts.words;
    this.#at = parts.region.at;
    this.#interrupts = parts.interrupts;
    this.#list = new VcpuList(parts.words, parts.list);
    this.#vcpu = parts.vcpu;
    this.#pendingFirst = parts.pendingFirst;
    this.count = parts.count;
  }

  // ---- the guest's side

  find(vcpu: VcpuId, intid: Intid): number {
    return this.#interrupts.find(vcpu, intid);
  }

  state(at: number): number {
    return this.#interrupts.state(at);
  }

  /** Visits the list, not the list registers: only listed interrupts wake a vCPU that is outside its guest. */
  forEachListed(vcpu: VcpuId, visit: (at: number, intid: Intid) => void): void {
    this.#interrupts.forEachListed(vcpu, visit);
  }

  get forwarding(): number {
    return this.#interrupts.forwarding;
  }

  get stateFound(): number {
    return this.#found[1] ?? 0;
  }

  /** The most urgent pending interrupt in the list registers; the first slot wins a tie. */
  best(vcpu: VcpuId, groups: number): Intid {
    this.run();
    let best = NONE;
    for (let slot = 0, priority = BEHIND; slot < this.#get(USED); slot++) {
      const register = this.#get(FIRST + slot);
      if ((register & (IS_PENDING | IS_ACTIVE)) !== IS_PENDING) continue;
      const state = stateIn(register, vcpu);
      if ((groups >= 0 && (state & GROUP1) !== groups) || priorityOf(state) >= priority) continue;
      priority = priorityOf(state);
      best = register & INTID;
      this.#found[0] = slot;
      this.#found[1] = state;
    }
    return best;
  }

  /** Acknowledges the result of {@link best}. 0 if the list register is out of date; the vCPU has exited the guest then. */
  take(vcpu: VcpuId, intid: Intid): number {
    const [slot = 0, found = 0] = this.#found;
    const interrupts = this.#interrupts;
    const at = interrupts.find(vcpu, intid);
    for (;;) {
      const before = interrupts.state(at);
      // guard: acknowledge-looks-again
      if (!isAsLoaded(before, found)) {
        this.exit();
        return 0;
      }
      if (intid >= FIRST_LPI || interrupts.replace(at, before, before | ACTIVE)) break;
    }
    const register = this.#get(FIRST + slot) & ~IS_PENDING;
    this.#put(FIRST + slot, intid < FIRST_LPI ? register | IS_ACTIVE : register);
    this.#maintain(false);
    return found;
  }

  /**
   * Deactivates an interrupt. Counts an EOI without a list register (EOIcount).
   * @param mask - as in {@link Interrupts.deactivate}; 0 for DIR, which KVM traps
   */
  deactivate(at: number, intid: Intid, mask = 0, wanted = 0): boolean {
    this.run();
    if (mask === 0) {
      this.exit();
      return this.#interrupts.deactivate(at, intid);
    }
    const slot = this.#slotOf(intid);
    if (slot === NONE) {
      this.#put(EOI_COUNT, this.#get(EOI_COUNT) + 1);
      this.#maintain(false);
      return false;
    }
    const register = this.#get(FIRST + slot);
    if ((stateIn(register, this.#vcpu) & mask) !== wanted) return false;
    this.#put(FIRST + slot, register & ~IS_ACTIVE);
    const wasActive = this.#interrupts.deactivate(at, intid);
    this.#maintain((register & (TELLS_END | IS_PENDING)) === TELLS_END);
    return wasActive;
  }

  /** No effect: the exit takes deactivated interrupts off the list. */
  settle(): void {}

  wantsLook(vcpu: VcpuId): boolean {
    if (this.#get(ENTERED) === 0) return this.#interrupts.wantsLook(vcpu);
    return this.#interrupts.isKicked(vcpu) || this.#pending() > 0;
  }

  // ---- entry and exit

  /** Enters the guest unless it runs. A kicked vCPU exits and enters again, so the list registers reflect every ring. */
  run(): void {
    if (this.#get(ENTERED) !== 0) {
      if (!this.#interrupts.isKicked(this.#vcpu)) return;
      this.exit();
    }
    this.#enter();
  }

  /** Exits the guest: folds the list registers back into the states, and prunes the list. */
  exit(): void {
    if (this.#get(ENTERED) === 0) return;
    this.#put(ENTERED, 0);
    for (let count = this.#pendingFirst ? this.#get(EOI_COUNT) : 0; count > 0; count--) this.#endOutside();
    for (let slot = 0; slot < this.#get(USED); slot++) this.#fold(this.#get(FIRST + slot));
    this.#put(USED, 0);
    prune(this.#interrupts, this.#vcpu);
  }

  counters(): ListRegisterCounters {
    const { entries, overflows, maintenance, counted } = COUNTERS;
    const read = (at: number) => this.#get(at) >>> 0;
    return {
      entries: read(entries),
      overflows: read(overflows),
      maintenance: read(maintenance),
      counted: read(counted),
    };
  }

  #enter(): void {
    const interrupts = this.#interrupts;
    // guard: kick-taken-before-list
    interrupts.takeKick(this.#vcpu);
    // guard: list-is-read-after-kick
    const waiting = this.#fill();
    this.#put(ENTERED, 1);
    this.#put(EOI_COUNT, 0);
    this.#put(WANTED, 0);
    this.#count('entries');
    if (waiting <= this.count) return;
    this.#count('overflows');
    this.#put(WANTED, this.#pendingFirst ? UNDERFLOW | NO_PENDING | NOT_PRESENT : UNDERFLOW);
  }

  /** Fills the list registers in list order; sorts the list first if they are too few. Returns how many interrupts wait. */
  #fill(): number {
    const list = this.#list;
    if (list.isThin) list.compact();
    let waiting = 0;
    for (let position = list.begin; position !== list.end; position = (position + 1) | 0)
      if (this.#key(list.intidAt(position)) !== UNFIT) waiting++;
    if (list.hasSpilled)
      for (let intid = list.next(0); intid !== NONE; intid = list.next(intid + 1)) waiting++;
    if (waiting > this.count) list.sort(this.#key);
    this.#put(USED, 0);
    for (let position = list.begin; position !== list.end; position = (position + 1) | 0)
      this.#load(list.intidAt(position));
    if (list.hasSpilled)
      for (let intid = list.next(0); intid !== NONE; intid = list.next(intid + 1)) this.#load(intid);
    return waiting;
  }

  /** The key by which {@link #fill} sorts a list longer than the list registers. */
  readonly #key = (intid: Intid): number => {
    if (intid < 0 || !this.#list.has(intid)) return UNFIT;
    const state = this.#interrupts.state(this.#interrupts.find(this.#vcpu, intid));
    if (targetOf(state) !== this.#vcpu) return UNFIT;
    if (intid < FIRST_LPI && (state & ACTIVE) !== 0)
      return this.#pendingFirst ? BEHIND + priorityOf(state) : BEFORE;
    return this.forwarding !== 0 && isDeliverable(state) ? priorityOf(state) : UNFIT;
  };

  /** Moves a listed interrupt, with its latch, into the next list register, if one is free. */
  #load(intid: Intid): void {
    const used = this.#get(USED);
    if (used === this.count || intid < 0 || !this.#list.has(intid)) return;
    // An LPI that was forgotten and signalled since this entry began has a second slot: the next entry loads the LPI.
    // guard: lpi-is-loaded-once
    if (intid >= FIRST_LPI && this.#holds(intid)) return;
    const interrupts = this.#interrupts;
    const at = interrupts.find(this.#vcpu, intid);
    for (;;) {
      const before = interrupts.state(at);
      if (targetOf(before) !== this.#vcpu || (before & LOADED) !== 0) return;
      const isEdge = (before & EDGE) !== 0;
      const isActive = intid < FIRST_LPI && (before & ACTIVE) !== 0;
      // An active edge interrupt may be pending as well; a level interrupt is loaded as pending only after it was deactivated.
      const comesAgain = isEdge && (before & (ENABLED | LATCH)) === (ENABLED | LATCH);
      const pends = this.forwarding !== 0 && (isActive ? comesAgain : isDeliverable(before));
      if (!isActive && !pends) return;
      // guard: latch-moves-into-register
      const after = (pends && isEdge ? before & ~(LATCH | UNQUEUED) : before) | LOADED;
      if (!interrupts.replace(at, before, after)) continue;
      const flags = (pends ? IS_PENDING : 0) | (isActive ? IS_ACTIVE : 0) | (isEdge ? 0 : TELLS_END);
      const group = (before & GROUP1) === 0 ? 0 : IN_GROUP1;
      this.#put(FIRST + used, intid | (priorityOf(before) << 16) | group | flags);
      this.#put(USED, used + 1);
      return;
    }
  }

  /** Folds a list register back: a latch that the guest has not taken merges with a latch that came meanwhile. */
  #fold(register: number): void {
    const interrupts = this.#interrupts;
    const intid = register & INTID;
    const at = interrupts.find(this.#vcpu, intid);
    for (;;) {
      const before = interrupts.state(at);
      // Another thread has unloaded the interrupt: it disabled the vCPU's LPIs, or unmapped the LPI.
      // guard: fold-looks-at-loaded
      if ((before & LOADED) === 0 || targetOf(before) !== this.#vcpu) return;
      const isUntaken = (register & IS_PENDING) !== 0 && (before & (EDGE | UNQUEUED)) === EDGE;
      // guard: fold-keeps-latch
      const folded = (isUntaken ? before | LATCH : before) & ~LOADED;
      const isActive = intid < FIRST_LPI && (folded & ACTIVE) !== 0;
      const after = isActive ? folded : interrupts.rerouted(intid, folded);
      // guard: fold-is-one-step
      if (!interrupts.replace(at, before, after)) continue;
      if (isDeliverable(after) && !this.#list.has(intid)) interrupts.list(targetOf(after), intid);
      if (!this.#list.has(intid)) interrupts.bury(at, after);
      return;
    }
  }

  /** For an EOI without a list register: ends the first active interrupt outside the registers, in list order, as KVM does. */
  #endOutside(): void {
    const interrupts = this.#interrupts;
    const list = this.#list;
    for (let position = list.begin; position !== list.end; position = (position + 1) | 0) {
      const intid = list.intidAt(position);
      if (intid < 0 || intid >= FIRST_LPI || !list.has(intid)) continue;
      const at = interrupts.find(this.#vcpu, intid);
      const state = interrupts.state(at);
      if ((state & (ACTIVE | LOADED)) !== ACTIVE || targetOf(state) !== this.#vcpu) continue;
      this.#count('counted');
      interrupts.deactivate(at, intid);
      return;
    }
  }

  /** Exits the guest if a maintenance interrupt is due. @param hasEnded - whether the guest has ended a level interrupt */
  #maintain(hasEnded: boolean): void {
    const wanted = this.#get(WANTED);
    const isDue =
      hasEnded ||
      ((wanted & UNDERFLOW) !== 0 && this.#inUse() <= 1) ||
      ((wanted & NO_PENDING) !== 0 && this.#pending() === 0) ||
      ((wanted & NOT_PRESENT) !== 0 && this.#get(EOI_COUNT) > 0);
    if (!isDue) return;
    this.#count('maintenance');
    this.exit();
  }

  #slotOf(intid: Intid): number {
    for (let slot = 0; slot < this.#get(USED); slot++) {
      const register = this.#get(FIRST + slot);
      if ((register & INTID) === intid && (register & IS_ACTIVE) !== 0) return slot;
    }
    return NONE;
  }

  #holds(intid: Intid): boolean {
    return this.#with(INTID, intid) > 0;
  }

  #pending(): number {
    return this.#with(IS_PENDING | IS_ACTIVE, IS_PENDING);
  }

  #inUse(): number {
    return this.#get(USED) - this.#with(IS_PENDING | IS_ACTIVE, 0);
  }

  /** How many list registers have the bits `bits` under a mask. */
  #with(mask: number, bits: number): number {
    let count = 0;
    for (let slot = 0; slot < this.#get(USED); slot++) if ((this.#get(FIRST + slot) & mask) === bits) count++;
    return count;
  }

  #count(counter: keyof typeof COUNTERS): void {
    const at = COUNTERS[counter];
    this.#put(at, (this.#get(at) + 1) | 0);
  }

  #get(word: number): number {
    return peek(this.#words, this.#at + word);
  }

  #put(word: number, value: number): void {
    poke(this.#words, this.#at + word, value);
  }
}

type ListRegisterParts = {
  readonly words: Words;
  readonly region: Region;
  readonly interrupts: LoadableInterrupts;
  /** The list of `vcpu`. */
  readonly list: VcpuListRegions;
  readonly vcpu: VcpuId;
  /** List registers, 1 to {@link MOST_LIST_REGISTERS}. */
  readonly count: number;
  /** See `loadsPendingFirst` in {@link InterruptChoices}. */
  readonly pendingFirst: boolean;
};
