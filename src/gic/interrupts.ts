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
  requeued,
  TARGET,
  TARGET_SHIFT,
  taken,
  targetOf,
  UNQUEUED,
} from './state.ts';
import { NO_INTID, VcpuList } from './vcpu-list.ts';

/** State bits that an acknowledge compares with the masks and the running priority. */
const DECIDES = GROUP1 | PRIORITY;

export { NONE };

/**
 * All interrupts of a machine, and for each vCPU the list of interrupts that it should check.
 *
 * The state word of an interrupt is the truth; a vCPU's list (KVM: ap_list) is a hint that leads to it. The rule that keeps
 * them together: **a producer that makes an interrupt deliverable lists the interrupt for the target in the state word that the
 * producer wrote, then rings that vCPU. A thread that takes an interrupt off a list reads its state afterwards, and lists the
 * interrupt again if it is deliverable.** So a deliverable interrupt is always on its target's list, or a thread is about to
 * list it. A vCPU passes on a listed interrupt whose target has become another vCPU (KVM: `vgic_prune_ap_list`).
 *
 * A listed interrupt need not be deliverable. An interrupt that a vCPU takes twice in a row stays listed: a repeating interrupt
 * then moves one cache line between producer and vCPU, its state's, and not the list's too.
 * The exceptions are KVM's, and only queueing.ts makes them: a latched interrupt on no list is marked UNQUEUED, which is not
 * deliverable; a level interrupt on no list, its line high, waits for the next change of its wire or for a register write.
 *
 * Any thread may call these methods. None blocks, none allocates.
 */
export class Interrupts extends InterruptStates {
  readonly #forwarding: number;
  /** Offset of the next targets of SPIs that were rerouted while active. */
  readonly #nextTargets: number;
  /** Offset of the first SPI's state; the states of SPIs and LPIs follow those of all SGIs and PPIs. */
  readonly #shared: number;
  readonly #census: PriorityCensus;
  readonly #lists: readonly VcpuList[];
  readonly #bells: readonly EventCount[];
  readonly #walk: ListWalk;
  readonly #firstCome: boolean;
  readonly #keepsLevelLatch: boolean;
  /** The watched level-triggered SPIs, and the notes of their deactivations, for resamplers. */
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
   * Injects an edge: sets LATCH. An edge that is already pending absorbs the new one. The hot path of every injection.
   * @param checkFirst - load before the read-modify-write. Pays in a storm, when LATCH is usually set already; pass false when
   * the interrupt was just acknowledged.
   * @returns whether LATCH was set already
   */
  latch(at: number, intid: Intid, checkFirst = true): boolean {
    // guard: latch-is-one-step
    const before = checkFirst ? setBits(this.words, at, LATCH) : or(this.words, at, LATCH);
    // The earlier producer lists the interrupt, and the vCPU acknowledges after our load: that delivery covers our event.
    if ((before & LATCH) !== 0) return true;
    const state = before | LATCH;
    // guard: latch-lists-interrupt
    if (isDeliverable(state)) this.list(targetOf(state), intid);
    return false;
  }

  /**
   * Drives the input wire by KVM's rule: an edge interrupt is latched by every 1 and ignores 0; a level interrupt follows the wire.
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
   * Clears and sets bits of a state in one step, updates the census, turns UNQUEUED back into LATCH, and lists the interrupt if
   * it is now deliverable. Every register write that queues ends here. Returns the state from before.
   */
  change(at: number, intid: Intid, clear: number, set: number): number {
    const before = this.#swap(at, clear, set, UNQUEUED);
    const after = requeued((before & ~clear) | set, UNQUEUED);
    // guard: change-lists-deliverable
    if (isDeliverable(after)) this.list(targetOf(after), intid);
    // As in KVM, a write that queues gives an active interrupt its place, also where no earlier write could.
    else if ((after & ACTIVE) !== 0) this.listActive(at, intid);
    return before;
  }

  /** {@link change} without queueing: for register writes that do not call vgic_queue_irq_unlock in KVM. */
  amend(at: number, clear: number, set: number): number {
    return this.#swap(at, clear, set, 0);
  }

  #swap(at: number, clear: number, set: number, release: number): number {
    for (;;) {
      const before = load(this.words, at);
      const after = requeued((before & ~clear) | set, release);
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

  /** Tells every vCPU to sort a long list again: a priority has changed, and a former target may still list the interrupt. */
  #resort(): void {
    // guard: new-priority-resorts
    for (const list of this.#lists) list.noteResort();
  }

  /** Routes an interrupt to another vCPU, or to none with {@link NO_TARGET}. A pending interrupt stays pending. */
  retarget(at: number, intid: Intid, vcpu: VcpuId): void {
    this.change(at, intid, TARGET, vcpu << TARGET_SHIFT);
  }

  /** Compare-and-swap of a state. Lists nothing and leaves the census alone, so `after` must keep ENABLED and the priority. */
  replace(at: number, before: number, after: number): boolean {
    return replace(this.words, at, before, after);
  }

  /** Appends `intid` to a vCPU's list and rings the vCPU. A listed interrupt keeps its place. No effect while nothing is forwarded. */
  list(vcpu: VcpuId, intid: Intid): void {
    this.relist(vcpu, intid);
  }

  /** {@link list} for an interrupt that was on a list before. No signal caused the call, so stamps.ts records no stage for it. */
  relist(vcpu: VcpuId, intid: Intid): void {
    if (vcpu === NO_TARGET || this.forwarding === 0) return;
    // guard: interrupt-is-appended
    this.#append(vcpu, intid);
    // guard: ring-after-list
    this.ring(vcpu);
  }

  /**
   * Lists an interrupt that ISACTIVER has made active. With `firstCome` the interrupt has its place from then on, even while the
   * distributor does not forward. Any thread.
   * @see vgic_queue_irq_unlock and vgic_target_oracle in vgic.c
   */
  listActive(at: number, intid: Intid): void {
    const state = load(this.words, at);
    if (this.#firstCome && (state & ACTIVE) !== 0) this.#append(targetOf(state), intid);
  }

  #append(vcpu: VcpuId, intid: Intid): void {
    const list = this.#lists[vcpu];
    if (!list?.mark(intid)) return;
    // The interrupt that was alone until now, if latched or active, came first and gets the first slot.
    this.#relistAlone(vcpu, list, list.endAlone(intid));
    list.append(intid);
    // guard: append-ends-lone-note
    this.#relistAlone(vcpu, list, list.endAlone(intid));
  }

  /** Gives the interrupt whose `alone` note was taken away a slot, if it is deliverable or active. */
  #relistAlone(vcpu: VcpuId, list: VcpuList, intid: Intid): void {
    if (intid === NO_INTID || !list.claim(intid)) return;
    const at = this.find(vcpu, intid);
    const state = load(this.words, at);
    // guard: latched-lone-interrupt-is-listed
    if (isDeliverable(state)) this.relist(targetOf(state), intid);
    // guard: lone-active-keeps-place
    if (intid < FIRST_LPI && (state & ACTIVE) !== 0) this.listActive(at, intid);
  }

  /** Takes `intid` off a vCPU's list; true if it was listed. The caller then reads its state, and lists it again if it is deliverable. */
  unlist(vcpu: VcpuId, intid: Intid): boolean {
    return this.#lists[vcpu]?.claim(intid) ?? false;
  }

  /** Rings the vCPU's bell, so that it checks its list. Call it directly after a change outside the interrupt states. */
  ring(vcpu: VcpuId): void {
    // guard: ring-signals-bell
    this.#bells[vcpu]?.signal();
  }

  /** The bell on which the thread of `vcpu` sleeps. */
  bell(vcpu: VcpuId): EventCount {
    const bell = this.#bells[vcpu];
    if (!bell) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.#bells.length}`);
    return bell;
  }

  /**
   * The most urgent deliverable interrupt on the list of `vcpu`, or {@link NONE}. Ties: see `firstCome` in {@link InterruptChoices}.
   * Prunes the list on the way. The thread of `vcpu` only.
   * @param groups - GROUP1 for group 1 alone, 0 for group 0 alone, -1 for both
   * @returns its INTID; {@link stateFound} is the state that the choice is based on
   */
  best(vcpu: VcpuId, groups: number): Intid {
    const list = this.#lists[vcpu];
    if (!list) return NONE;
    const { alone } = list;
    if (alone === NO_INTID) return this.#walk.best(vcpu, list, groups);
    const state = load(this.words, this.find(vcpu, alone));
    // guard: lone-interrupt-has-target
    if (targetOf(state) !== vcpu || (state & UNQUEUED) !== 0) return this.#walk.best(vcpu, list, groups);
    if (!isDeliverable(state) || (groups >= 0 && (state & GROUP1) !== groups)) return NONE;
    // guard: lone-interrupt-is-found
    this.#walk.foundAlone(state);
    return alone;
  }

  /** The state on which the last {@link best} of this view based its result. Read it before the next call. */
  get stateFound(): number {
    return this.#walk.state;
  }

  /**
   * Acknowledges `intid` for `vcpu`: clears its latch, and makes it active unless it is an LPI. The thread of `vcpu` only.
   * @param seen - {@link stateFound}: the state that the caller decided on, perhaps out of date
   * @returns its state from before; 0 if it is no longer deliverable to `vcpu`, or its priority or group differ from `seen`: the
   * caller then calls {@link best} again
   */
  take(vcpu: VcpuId, intid: Intid, seen?: number): number {
    const at = this.find(vcpu, intid);
    const list = this.#lists[vcpu];
    const isLpi = intid >= FIRST_LPI;
    if (seen !== undefined && (seen & ORPHAN) === 0 && list?.lastTaken === intid)
      return this.#takeAgain(list, at, intid, seen);
    // An LPI leaves the list first: a producer that latches it after the swap below lists it again. Others keep their place while active.
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

  /** {@link take} for the INTID that was taken last, which stays listed if it is alone. 0 if its state is no longer `seen`. */
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
   * Deactivates an interrupt, as EOIR and DIR do: lists it if it is pending again, and notes the end of a watched level-triggered
   * SPI. Returns whether the interrupt was active and met the condition. Any thread.
   * @param mask - the state bits that must equal `wanted`; 0 for no condition
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

  /** The state of a deactivated interrupt: applies the next target of an interrupt that was rerouted while active. */
  rerouted(intid: Intid, state: number): number {
    if ((state & (REROUTED | LOADED)) !== REROUTED) return state;
    const target = load(this.words, this.#nextTargets + intid);
    return (state & ~(TARGET | REROUTED)) | (target << TARGET_SHIFT);
  }

  /** Sets the next target of an active or loaded interrupt. Call it before setting {@link REROUTED} in the state. */
  setNextTarget(intid: Intid, vcpu: VcpuId): void {
    store(this.words, this.#nextTargets + intid, vcpu);
  }

  /** Calls `visit` with each interrupt on a vCPU's list, in INTID order. Any thread. */
  forEachListed(vcpu: VcpuId, visit: (at: number, intid: Intid) => void): void {
    const list = this.#lists[vcpu];
    if (!list) return;
    for (let intid = list.next(0); intid !== NONE; intid = list.next(intid + 1))
      visit(this.find(vcpu, intid), intid);
  }

  /** A cheap check before {@link best}: false if no interrupt is deliverable. The thread of `vcpu`, or any thread while it sleeps. */
  wantsLook(vcpu: VcpuId): boolean {
    const list = this.#lists[vcpu];
    if (!list) return false;
    const { alone } = list;
    if (alone === NO_INTID) return list.isFilled;
    const state = load(this.words, this.find(vcpu, alone));
    return isDeliverable(state) && targetOf(state) === vcpu;
  }

  /** Takes a deactivated interrupt off the list, unless that needs a search. The thread of `vcpu` only. */
  settle(vcpu: VcpuId, intid: Intid): void {
    const list = this.#lists[vcpu];
    if (!list || (!list.queues.isUsed && list.intidAt(list.begin) !== intid)) return;
    const state = load(this.words, this.find(vcpu, intid));
    if ((state & ACTIVE) === 0 && !isDeliverable(state)) this.#walk.dropEnded(vcpu, list, intid, state);
  }

  /** Takes undeliverable interrupts off a vCPU's list (KVM: ap_list), and passes on those that have moved. The vCPU's thread only. */
  prune(vcpu: VcpuId): void {
    const list = this.#lists[vcpu];
    if (!list) return;
    const { alone } = list;
    if (alone !== NO_INTID) {
      // A lone interrupt has no slot, so a walk would not meet it.
      const state = load(this.words, this.find(vcpu, alone));
      const isActive = alone < FIRST_LPI && (state & ACTIVE) !== 0;
      const stays =
        targetOf(state) === vcpu && (isDeliverable(state) || (state & UNQUEUED) !== 0 || isActive);
      if (!stays) this.#relistAlone(vcpu, list, list.endAlone(NO_INTID));
    }
    this.#walk.prune(vcpu, list);
  }

  /** Ends an orphaned LPI that has left its list; `seen` is its state. See {@link ORPHAN}. */
  bury(at: number, seen: number): void {
    if ((seen & ORPHAN) === 0) return;
    const alive = MAPPED | ENABLED | LATCH | UNQUEUED | ORPHAN;
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
   * Sets which groups the distributor forwards: bit 0 group 0, bit 1 group 1. Lists no interrupt by itself.
   * @see GICD_CTLR.EnableGrp0, EnableGrp1; KVM has one enable for both
   */
  setForwarding(groups: number): void {
    store(this.words, this.#forwarding, groups);
  }

  get forwarding(): number {
    return load(this.words, this.#forwarding);
  }
}
