import { FIRST_LPI, FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { EventCount } from '../memory/event-count.ts';
import { load, or, replace, setBits, store, type Words } from '../memory/word.ts';
import type { InterruptRegions } from './interrupt-regions.ts';
import { InterruptStates } from './interrupt-states.ts';
import { LevelAcks } from './level-acks.ts';
import { ListWalk } from './list-walk.ts';
import { PriorityCensus } from './priority-census.ts';
import {
  ACTIVE,
  EDGE,
  ENABLED,
  ended,
  GROUP1,
  HELD,
  isDeliverable,
  LATCH,
  LINE,
  LOADED,
  MAPPED,
  NO_TARGET,
  NONE,
  ORPHAN,
  PRIORITY,
  priorityOf,
  REROUTED,
  released,
  TARGET,
  TARGET_SHIFT,
  taken,
  targetOf,
} from './state.ts';
import { NOBODY, VcpuList } from './vcpu-list.ts';

/** Bits of a state by which an acknowledge decides that the interrupt may be taken now. */
const DECIDES = GROUP1 | PRIORITY;

export { NONE };

/**
 * All interrupts of a machine, and for each vCPU the list of those that it should look at.
 *
 * The state word of an interrupt is the truth; a vCPU's list (KVM: ap_list) is a hint that leads to it. The rule that keeps
 * them together: **a producer that makes an interrupt deliverable lists the interrupt for the target named in the very word
 * that the producer wrote, then rings that vCPU. A thread that takes an interrupt off a list looks at its state afterwards,
 * and lists the interrupt anew if it must be listed.** So a deliverable interrupt is always on its target's list, or a
 * thread is about to put it there. A vCPU passes on a listed interrupt whose target is another vCPU by now
 * (KVM: `vgic_prune_ap_list`). An interrupt may
 * be on a list without being deliverable: an interrupt that a vCPU takes twice in a row stays there, so that one that comes again
 * and again passes one cache line between two threads, and not the list's too. The exceptions are KVM's own, and made in
 * holding.ts alone: what is latched and not listed is marked HELD, which is not deliverable; a level that is up and not
 * listed waits until its wire, or a register, moves.
 *
 * Any thread may call these methods. None blocks, none allocates.
 */
export class Interrupts extends InterruptStates {
  readonly #forwarding: number;
  /** Where an active SPI goes when it ends. */
  readonly #nextTargets: number;
  /** Where the states of SPIs and LPIs begin, behind all SGIs and PPIs. */
  readonly #shared: number;
  readonly #census: PriorityCensus;
  readonly #lists: readonly VcpuList[];
  readonly #bells: readonly EventCount[];
  readonly #walk: ListWalk;
  readonly #firstCome: boolean;
  readonly #keepsLevelLatch: boolean;
  /** The level-triggered SPIs whose end is watched, and the ends that are noted. */
  readonly acks: LevelAcks;

  constructor(words: Words, regions: InterruptRegions) {
    super(words, regions);
    this.#forwarding = regions.forwarding.at;
    this.#nextTargets = regions.nextTargets.at - FIRST_SPI;
    this.#shared = regions.spis.at;
    this.#census = new PriorityCensus(words, regions.census);
    this.#lists = regions.lists.map((each) => new VcpuList(words, each));
    this.#bells = regions.bells.map((region) => new EventCount(words, region));
    this.#firstCome = regions.firstCome;
    this.#walk = new ListWalk(words, this, this.#census, regions.firstCome);
    this.#keepsLevelLatch = regions.keepsLevelLatch;
    this.acks = new LevelAcks(words, regions.acks);
  }

  get vcpus(): number {
    return this.#bells.length;
  }

  /**
   * An edge: makes the interrupt pending. Coalesces with an edge that is pending already. The hot path of every injection.
   * @param looks - whether to look before the word is written: to be left out where it is hardly latched already
   * @returns whether it was
   */
  latch(at: number, intid: Intid, looks = true): boolean {
    // guard: latch-is-one-step
    const before = looks ? setBits(this.words, at, LATCH) : or(this.words, at, LATCH);
    // The thread that latched it before us lists it, and a vCPU takes it after our look: our event is covered.
    if ((before & LATCH) !== 0) return true;
    const state = before | LATCH;
    // guard: latch-lists-interrupt
    if (isDeliverable(state)) this.list(targetOf(state), intid);
    return false;
  }

  /**
   * Moves the input wire by KVM's rule: an edge interrupt latches at every 1 and ignores 0, a level one follows.
   * @see vgic_validate_injection in vgic.c; kvm-irq-uapi "State rule applied by the injector"
   */
  drive(at: number, intid: Intid, level: boolean): void {
    for (;;) {
      const state = load(this.words, at);
      if ((state & EDGE) !== 0) {
        // guard: edge-ignores-fall
        if (level) this.latch(at, intid);
        return;
      }
      // guard: level-follows-wire-down
      const next = level ? state | LINE : state & ~LINE;
      if (next === state) return;
      if (replace(this.words, at, state, next)) {
        // guard: risen-line-is-listed
        if (isDeliverable(next)) this.list(targetOf(next), intid);
        return;
      }
    }
  }

  /**
   * Clears and sets bits of a state in one step, keeps the census, and lists the interrupt if it is deliverable now;
   * an interrupt that was held back no longer is. Every register write ends here. Returns the state from before.
   */
  change(at: number, intid: Intid, clear: number, set: number): number {
    const before = this.#swap(at, clear, set, HELD);
    const after = released((before & ~clear) | set, HELD);
    // guard: change-lists-deliverable
    if (isDeliverable(after)) this.list(targetOf(after), intid);
    return before;
  }

  /** As {@link change}, but lists nothing: for the writes after which a controller does not look again. */
  amend(at: number, clear: number, set: number): number {
    return this.#swap(at, clear, set, 0);
  }

  #swap(at: number, clear: number, set: number, release: number): number {
    for (;;) {
      const before = load(this.words, at);
      const after = released((before & ~clear) | set, release);
      if (after === before) return before;
      const shared = at >= this.#shared;
      const counted = shared && (after & ENABLED) !== 0;
      if (counted) this.#census.enter(priorityOf(after));
      // guard: change-is-one-step
      const won = replace(this.words, at, before, after);
      if (won && shared && (before & ENABLED) !== 0) this.#census.leave(priorityOf(before));
      if (won && ((before ^ after) & PRIORITY) !== 0) this.#resort();
      if (won) return before;
      if (counted) this.#census.leave(priorityOf(after));
    }
  }

  /** An interrupt has another priority: vCPUs with a long list sort it anew, also one that the interrupt has left and not yet been taken off. */
  #resort(): void {
    // guard: new-priority-resorts
    for (const list of this.#lists) list.noteResort();
  }

  /** Sends an interrupt to another vCPU, or to none with {@link NO_TARGET}. What is pending goes along. */
  retarget(at: number, intid: Intid, vcpu: VcpuId): void {
    this.change(at, intid, TARGET, vcpu << TARGET_SHIFT);
  }

  /**
   * Puts `after` there if the state is `before`; true if it did. It lists nothing, and must not change whether the
   * interrupt is enabled, nor its priority: the census is not told.
   */
  replace(at: number, before: number, after: number): boolean {
    return replace(this.words, at, before, after);
  }

  /**
   * Puts `intid` on a vCPU's list, behind all that are there, and rings the vCPU. One that is listed already keeps its place. Nothing
   * happens while the distributor does not forward.
   */
  list(vcpu: VcpuId, intid: Intid): void {
    this.relist(vcpu, intid);
  }

  /** As {@link list}, of an interrupt that was on a list before: not the doing of a signal, so that no stage of one is stamped. */
  relist(vcpu: VcpuId, intid: Intid): void {
    if (vcpu === NO_TARGET || this.forwarding === 0) return;
    // guard: interrupt-is-appended
    this.#append(vcpu, intid);
    // guard: ring-after-list
    this.ring(vcpu);
  }

  /**
   * Lists an interrupt that a register has made active: where interrupts are served first come first, it has its place from then
   * on, also while the distributor does not forward. Any thread.
   * @see vgic_queue_irq_unlock and vgic_target_oracle in vgic.c
   */
  listActive(at: number, intid: Intid): void {
    const state = load(this.words, at);
    if (this.#firstCome && (state & ACTIVE) !== 0) this.#append(targetOf(state), intid);
  }

  #append(vcpu: VcpuId, intid: Intid): void {
    const list = this.#lists[vcpu];
    if (!list?.mark(intid)) return;
    // One that was alone until now, and is latched or active, came first.
    this.#relistAlone(vcpu, list, list.endAlone(intid));
    list.append(intid);
    // guard: append-ends-lone-note
    this.#relistAlone(vcpu, list, list.endAlone(intid));
  }

  /** Gives an interrupt that was on the list without a slot a slot, if it must have one. */
  #relistAlone(vcpu: VcpuId, list: VcpuList, intid: Intid): void {
    if (intid === NOBODY || !list.claim(intid)) return;
    const at = this.find(vcpu, intid);
    const state = load(this.words, at);
    // guard: latched-lone-interrupt-is-listed
    if (isDeliverable(state)) this.relist(targetOf(state), intid);
    // guard: lone-active-keeps-place
    if (intid < FIRST_LPI && (state & ACTIVE) !== 0) this.listActive(at, intid);
  }

  /**
   * Takes `intid` off a vCPU's list; true if it was there. Look at its state afterwards, and list it anew if it must be.
   */
  unlist(vcpu: VcpuId, intid: Intid): boolean {
    return this.#lists[vcpu]?.claim(intid) ?? false;
  }

  /** Makes a vCPU look: something other than a state has changed that it depends on. */
  ring(vcpu: VcpuId): void {
    // guard: ring-signals-bell
    this.#bells[vcpu]?.signal();
  }

  /** Where the thread of `vcpu` sleeps. */
  bell(vcpu: VcpuId): EventCount {
    const bell = this.#bells[vcpu];
    if (!bell) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.#bells.length}`);
    return bell;
  }

  /**
   * The listed interrupt of best priority that `vcpu` could take, or {@link NONE}. Equal priorities: first come, first served, or
   * the lowest INTID, by the personality. Prunes the list as it goes. The thread of `vcpu` only.
   * @param groups - GROUP1 for group 1 alone, 0 for group 0 alone, -1 for both
   * @returns its INTID; {@link stateFound} is the state that decided
   */
  best(vcpu: VcpuId, groups: number): Intid {
    const list = this.#lists[vcpu];
    if (!list) return NONE;
    const { alone } = list;
    if (alone === NOBODY) return this.#walk.best(vcpu, list, groups);
    const state = load(this.words, this.find(vcpu, alone));
    // guard: lone-interrupt-has-target
    if (targetOf(state) !== vcpu || (state & HELD) !== 0) return this.#walk.best(vcpu, list, groups);
    if (!isDeliverable(state) || (groups >= 0 && (state & GROUP1) !== groups)) return NONE;
    // guard: lone-interrupt-is-found
    this.#walk.foundAlone(state);
    return alone;
  }

  /** The state of what the last {@link best} of this view returned, as it was then: to be read at once. */
  get stateFound(): number {
    return this.#walk.state;
  }

  /**
   * Takes `intid` for `vcpu`, as an acknowledge does: its latch goes, and it turns active unless it is an LPI.
   * Returns its state from before, or 0 if it is no longer to be had, or has another priority or group than the caller decided on:
   * then look again. The thread of `vcpu` only.
   * @param seen - {@link stateFound}: deliverable to this vCPU, and perhaps out of date
   */
  take(vcpu: VcpuId, intid: Intid, seen?: number): number {
    const at = this.find(vcpu, intid);
    const list = this.#lists[vcpu];
    const isLpi = intid >= FIRST_LPI;
    if (seen !== undefined && (seen & ORPHAN) === 0 && list?.lastTaken === intid)
      return this.#takeAgain(list, at, intid, seen);
    // The list first: an LPI that is latched again behind the swap below is listed again. Others keep their place while active.
    // guard: taken-lpi-leaves-list-first
    if (isLpi) this.#drop(list, intid);
    for (let before = seen ?? load(this.words, at); ; before = load(this.words, at)) {
      // guard: take-is-as-decided
      const isAsDecided = seen === undefined || ((before ^ seen) & DECIDES) === 0;
      // guard: take-looks-at-target
      if (!isDeliverable(before) || !isAsDecided || targetOf(before) !== vcpu) {
        // guard: take-passes-on-moved
        if (isDeliverable(before)) this.relist(targetOf(before), intid);
        else if (isLpi) this.bury(at, before);
        return 0;
      }
      // guard: take-is-one-step
      if (!replace(this.words, at, before, taken(before, isLpi, this.#keepsLevelLatch))) continue;
      // guard: taken-orphan-is-buried
      if (isLpi) this.bury(at, before);
      list?.noteTaken(intid);
      return before;
    }
  }

  #drop(list: VcpuList | undefined, lpi: Intid): void {
    if (list) this.#walk.dropFound(list, lpi);
    list?.claim(lpi);
  }

  /** As {@link take}, of the INTID that was taken last: it stays listed if it is alone. 0 where its state is not `seen` any more. */
  #takeAgain(list: VcpuList, at: number, intid: Intid, seen: number): number {
    const isLpi = intid >= FIRST_LPI;
    // guard: second-take-is-one-step
    if (!replace(this.words, at, seen, taken(seen, isLpi, this.#keepsLevelLatch))) return 0;
    if (this.#walk.wasAlone || list.keepAlone(this.#walk.position, intid) || !isLpi) return seen;
    this.#drop(list, intid);
    const state = load(this.words, at);
    // guard: unkept-lpi-is-listed
    if (isDeliverable(state)) this.relist(targetOf(state), intid);
    return seen;
  }

  /**
   * Ends the active state, as EOIR and DIR do; an interrupt that is pending again is listed, and the end of a watched
   * level-triggered SPI is noted. Returns whether the interrupt was active. Any thread.
   * @param mask - bits of the state that have to be as in `wanted`; 0 for no condition
   */
  deactivate(at: number, intid: Intid, mask = 0, wanted = 0): boolean {
    for (;;) {
      const before = load(this.words, at);
      if ((before & ACTIVE) === 0 || (before & mask) !== wanted) return false;
      const after = this.rerouted(intid, ended(before, this.#keepsLevelLatch));
      // guard: end-is-one-step
      if (!replace(this.words, at, before, after)) continue;
      // guard: end-lists-next
      if (isDeliverable(after)) this.list(targetOf(after), intid);
      // guard: watched-end-is-told
      if (intid >= FIRST_SPI && this.acks.isWatched(intid) && (before & EDGE) === 0) this.acks.note(intid);
      return true;
    }
  }

  /** The state of an interrupt that has ended, with the target that it was sent to while it was active. */
  rerouted(intid: Intid, state: number): number {
    if ((state & (REROUTED | LOADED)) !== REROUTED) return state;
    const target = load(this.words, this.#nextTargets + intid);
    return (state & ~(TARGET | REROUTED)) | (target << TARGET_SHIFT);
  }

  /** Where an SPI that is active goes when it ends: to be written before the state says {@link REROUTED}. */
  setNextTarget(intid: Intid, vcpu: VcpuId): void {
    store(this.words, this.#nextTargets + intid, vcpu);
  }

  /** Calls `visit` with each interrupt that is on a vCPU's list, in the order of INTIDs. Any thread. */
  forEachListed(vcpu: VcpuId, visit: (at: number, intid: Intid) => void): void {
    const list = this.#lists[vcpu];
    if (!list) return;
    for (let intid = list.next(0); intid !== NONE; intid = list.next(intid + 1))
      visit(this.find(vcpu, intid), intid);
  }

  /** Whether {@link best} has something to do: a cheap look, blind to groups, masks and priorities. The thread of `vcpu` only. */
  wantsLook(vcpu: VcpuId): boolean {
    const list = this.#lists[vcpu];
    if (!list) return false;
    const { alone } = list;
    if (alone === NOBODY) return list.isFilled;
    const state = load(this.words, this.find(vcpu, alone));
    return isDeliverable(state) && targetOf(state) === vcpu;
  }

  /** Takes an interrupt that has ended off the list, unless that takes a search. The thread of `vcpu` only. */
  settle(vcpu: VcpuId, intid: Intid): void {
    const list = this.#lists[vcpu];
    if (!list || (!list.queues.isUsed && list.at(list.begin) !== intid)) return;
    const state = load(this.words, this.find(vcpu, intid));
    if ((state & ACTIVE) === 0 && !isDeliverable(state)) this.#walk.dropEnded(vcpu, list, intid, state);
  }

  /** Takes undeliverable interrupts off a vCPU's list (KVM: ap_list), and passes on those that have moved. The vCPU's thread only. */
  prune(vcpu: VcpuId): void {
    const list = this.#lists[vcpu];
    if (!list) return;
    const { alone } = list;
    if (alone !== NOBODY) {
      // It has no slot, so no walk would meet it.
      const state = load(this.words, this.find(vcpu, alone));
      const isActive = alone < FIRST_LPI && (state & ACTIVE) !== 0;
      const stays = targetOf(state) === vcpu && (isDeliverable(state) || (state & HELD) !== 0 || isActive);
      if (!stays) this.#relistAlone(vcpu, list, list.endAlone(NOBODY));
    }
    this.#walk.prune(vcpu, list);
  }

  /** Ends an LPI that nothing maps any more and that no list holds any more; `seen` is its state. See {@link ORPHAN}. */
  bury(at: number, seen: number): void {
    if ((seen & ORPHAN) === 0) return;
    const alive = MAPPED | ENABLED | LATCH | HELD | ORPHAN;
    // guard: orphan-ends-by-its-state
    for (let state = load(this.words, at); (state & ORPHAN) !== 0; state = load(this.words, at)) {
      if (!replace(this.words, at, state, (state & ~alive) | TARGET)) continue;
      if ((state & ENABLED) !== 0) this.#census.leave(priorityOf(state));
      return;
    }
  }

  /** Whether `intid` is on the list of `vcpu`. For oracles and tests. */
  isListed(vcpu: VcpuId, intid: Intid): boolean {
    return this.#lists[vcpu]?.has(intid) ?? false;
  }

  /**
   * Which groups the distributor forwards: bit 0 group 0, bit 1 group 1. Opening the gate lists nothing by itself.
   * @see GICD_CTLR.EnableGrp0, EnableGrp1; KVM has one enable for both
   */
  setForwarding(groups: number): void {
    store(this.words, this.#forwarding, groups);
  }

  get forwarding(): number {
    return load(this.words, this.#forwarding);
  }
}
