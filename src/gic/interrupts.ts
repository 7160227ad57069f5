import { FIRST_LPI, FIRST_SPI, PRIVATE_INTIDS } from '../arch/intid.ts';
import { EventCount } from '../memory/event-count.ts';
import { load, or, peek, replace, setBits, store, type Words } from '../memory/word.ts';
import type { InterruptRegions } from './interrupt-regions.ts';
import { LevelAcks } from './level-acks.ts';
import { PriorityCensus } from './priority-census.ts';
import {
  ACTIVE,
  EDGE,
  ENABLED,
  GROUP1,
  HELD,
  isDeliverable,
  LATCH,
  LINE,
  NO_TARGET,
  priorityOf,
  released,
  TARGET,
  TARGET_SHIFT,
  targetOf,
} from './state.ts';
import { VcpuList } from './vcpu-list.ts';

/** Returned where an INTID names no interrupt. */
export const NONE = -1;

/**
 * All interrupts of a machine, and for each vCPU the list of those that it should look at.
 *
 * The state word of an interrupt is the truth; a vCPU's list is a hint that leads to it. The rule that keeps them
 * together: **whoever makes an interrupt deliverable lists it for the target named in the very word that it wrote,
 * then rings that vCPU. Whoever takes it off a list looks at its state afterwards, and lists it anew if it must be.**
 * So a deliverable interrupt is always on its target's list, or a thread is about to put it there; and one listed at a
 * vCPU that it has left meanwhile is passed on by that vCPU when it looks (KVM: `vgic_prune_ap_list`). An interrupt may
 * be on a list without being deliverable: an LPI that a vCPU takes twice in a row stays there, so that one that comes again
 * and again passes one cache line between two threads, and not the list's too. The exceptions are KVM's own, and made in
 * holding.ts alone: what is latched and not listed is marked HELD, which is not deliverable; a level that is up and not
 * listed waits until its wire, or a register, moves.
 *
 * Any thread may call these methods. None blocks, none allocates.
 */
export class Interrupts {
  readonly #words: Words;
  readonly #privates: number;
  readonly #spis: number;
  readonly #lpis: number;
  readonly #existing: number;
  /** One past the highest SPI that there is room for. */
  readonly #roomSpi: number;
  readonly #idLimit: number;
  readonly #forwarding: number;
  /** Where the states of SPIs and LPIs begin, behind all SGIs and PPIs. */
  readonly #shared: number;
  readonly #census: PriorityCensus;
  readonly #lists: readonly VcpuList[];
  readonly #bells: readonly EventCount[];
  /** A second result of {@link best}, for who called it; no state. */
  readonly #found = new Int32Array(1);
  /** Who hears of level-triggered SPIs that the guest has ended. */
  readonly acks: LevelAcks;

  constructor(words: Words, regions: InterruptRegions) {
    this.#words = words;
    this.#privates = regions.privates.at;
    this.#spis = regions.spis.at - FIRST_SPI;
    this.#lpis = regions.lpis.at - FIRST_LPI;
    this.#existing = regions.existing.at;
    this.#roomSpi = FIRST_SPI + regions.spis.words;
    this.#idLimit = regions.idLimit;
    this.#forwarding = regions.forwarding.at;
    this.#shared = regions.spis.at;
    this.#census = new PriorityCensus(words, regions.census);
    this.#lists = regions.lists.map((each) => new VcpuList(words, each, regions.idLimit));
    this.#bells = regions.bells.map((region) => new EventCount(words, region));
    this.acks = new LevelAcks(words, regions.acks);
  }

  /** One past the highest INTID that can exist. */
  get idLimit(): number {
    return this.#idLimit;
  }

  /** One past the highest SPI. A plain read: the number does not change once interrupts can be injected. */
  get endSpi(): number {
    return FIRST_SPI + peek(this.#words, this.#existing);
  }

  /** Says how many SPIs there are, of those that there is room for: before the controller is initialised. */
  resize(spis: number): void {
    store(this.#words, this.#existing, Math.min(spis, this.#roomSpi - FIRST_SPI));
  }

  get vcpus(): number {
    return this.#bells.length;
  }

  /** Where the state of `intid` lies, seen from `vcpu` (which matters below 32); {@link NONE} if there is no such interrupt. */
  find(vcpu: number, intid: number): number {
    if (intid >= FIRST_LPI) return intid < this.#idLimit ? this.#lpis + intid : NONE;
    if (intid < PRIVATE_INTIDS) return intid >= 0 ? this.#privates + vcpu * PRIVATE_INTIDS + intid : NONE;
    return intid < this.endSpi ? this.#spis + intid : NONE;
  }

  /** As {@link find}, of an SPI. */
  findSpi(intid: number): number {
    return intid >= FIRST_SPI && intid < this.endSpi ? this.#spis + intid : NONE;
  }

  /** As {@link find}, of an LPI. */
  findLpi(lpi: number): number {
    return lpi >= FIRST_LPI && lpi < this.#idLimit ? this.#lpis + lpi : NONE;
  }

  state(at: number): number {
    return load(this.#words, at);
  }

  /**
   * An edge: makes the interrupt pending. Coalesces with one that is pending already. The hot path of every injection.
   * @param looks - whether to look before the word is written: to be left out where it is hardly latched already
   * @returns whether it was
   */
  latch(at: number, intid: number, looks = true): boolean {
    const before = looks ? setBits(this.#words, at, LATCH) : or(this.#words, at, LATCH);
    // Who latched it before us lists it, and whoever takes it does so after our look: our event is covered.
    if ((before & LATCH) !== 0) return true;
    const state = before | LATCH;
    if (isDeliverable(state)) this.list(targetOf(state), intid);
    return false;
  }

  /**
   * Moves the input wire by KVM's rule: an edge interrupt latches at every 1 and ignores 0, a level one follows.
   * @see vgic_validate_injection in vgic.c; kvm-irq-uapi "State rule applied by the injector"
   */
  drive(at: number, intid: number, level: boolean): void {
    for (;;) {
      const state = load(this.#words, at);
      if ((state & EDGE) !== 0) {
        if (level) this.latch(at, intid);
        return;
      }
      const next = level ? state | LINE : state & ~LINE;
      if (next === state) return;
      if (replace(this.#words, at, state, next)) {
        if (isDeliverable(next)) this.list(targetOf(next), intid);
        return;
      }
    }
  }

  /**
   * Moves the input wire as the architecture has it (and QEMU): the level is remembered whatever the trigger, and an
   * edge is a step from 0 to 1.
   */
  driveRemembered(at: number, intid: number, level: boolean): void {
    for (;;) {
      const state = load(this.#words, at);
      const latch = level && (state & EDGE) !== 0 ? LATCH : 0;
      const next = level ? state | LINE | latch : state & ~LINE;
      if (((next ^ state) & LINE) === 0) return;
      if (replace(this.#words, at, state, next)) {
        if (isDeliverable(next)) this.list(targetOf(next), intid);
        return;
      }
    }
  }

  /**
   * Clears and sets bits of a state in one step, keeps the census, and lists the interrupt if it is deliverable now;
   * one that was held back no longer is. Every register write ends here. Returns the state from before.
   */
  change(at: number, intid: number, clear: number, set: number): number {
    const before = this.#swap(at, clear, set, HELD);
    const after = released((before & ~clear) | set, HELD);
    if (isDeliverable(after)) this.list(targetOf(after), intid);
    return before;
  }

  /** As {@link change}, but lists nothing: for the writes after which a controller does not look again. */
  amend(at: number, clear: number, set: number): number {
    return this.#swap(at, clear, set, 0);
  }

  #swap(at: number, clear: number, set: number, release: number): number {
    for (;;) {
      const before = load(this.#words, at);
      const after = released((before & ~clear) | set, release);
      if (after === before) return before;
      const shared = at >= this.#shared;
      const counted = shared && (after & ENABLED) !== 0;
      if (counted) this.#census.enter(priorityOf(after));
      const won = replace(this.#words, at, before, after);
      if (won && shared && (before & ENABLED) !== 0) this.#census.leave(priorityOf(before));
      if (won) return before;
      if (counted) this.#census.leave(priorityOf(after));
    }
  }

  /** Sends an interrupt to another vCPU, or to none with {@link NO_TARGET}. What is pending goes along. */
  retarget(at: number, intid: number, vcpu: number): void {
    this.change(at, intid, TARGET, vcpu << TARGET_SHIFT);
  }

  /**
   * Puts `after` there if the state is `before`; true if it did. It lists nothing, and must not change whether the
   * interrupt is enabled, nor its priority: the census is not told.
   */
  replace(at: number, before: number, after: number): boolean {
    return replace(this.#words, at, before, after);
  }

  /** Puts `intid` on a vCPU's list and rings it. Nothing happens while the distributor does not forward. */
  list(vcpu: number, intid: number): void {
    if (vcpu === NO_TARGET || this.forwarding === 0) return;
    this.#lists[vcpu]?.set(intid);
    this.ring(vcpu);
  }

  /**
   * Takes `intid` off a vCPU's list; true if it was there. Look at its state afterwards, and list it anew if it must be.
   */
  unlist(vcpu: number, intid: number): boolean {
    return this.#lists[vcpu]?.claim(intid) ?? false;
  }

  /** Makes a vCPU look: something other than a state has changed that it depends on. */
  ring(vcpu: number): void {
    this.#bells[vcpu]?.signal();
  }

  /** Where the thread of `vcpu` sleeps. */
  bell(vcpu: number): EventCount {
    const bell = this.#bells[vcpu];
    if (!bell) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.#bells.length}`);
    return bell;
  }

  /**
   * The listed interrupt of best priority that `vcpu` could take, or {@link NONE}; ties go to the lowest INTID.
   * Takes off the list what is no longer deliverable, and passes on what has moved. The thread of `vcpu` only.
   * @param groups - GROUP1 for group 1 alone, 0 for group 0 alone, -1 for both
   * @param kept - the LPI that stays on the list all the same: the one taken last
   * @returns its INTID; {@link stateFound} is the state that decided
   */
  best(vcpu: number, groups: number, kept = NONE): number {
    const list = this.#lists[vcpu];
    if (!list) return NONE;
    if (!list.isAlone(kept)) return this.#search(vcpu, list, groups, kept);
    const state = load(this.#words, this.#lpis + kept);
    if (targetOf(state) !== vcpu || (state & HELD) !== 0) return this.#search(vcpu, list, groups, kept);
    if (!isDeliverable(state) || (groups >= 0 && (state & GROUP1) !== groups)) return NONE;
    this.#found[0] = state;
    return kept;
  }

  #search(vcpu: number, list: VcpuList, groups: number, kept: number): number {
    let best = NONE;
    let bestPriority = 256;
    let stopAt = -1;
    for (let intid = list.next(0); intid !== NONE; intid = list.next(intid + 1)) {
      // The private ones have been looked at, all of them; what follows is counted in the census.
      if (stopAt < 0 && best !== NONE && intid >= PRIVATE_INTIDS) {
        stopAt = this.#census.best;
        if (bestPriority <= stopAt) break;
      }
      const at = this.find(vcpu, intid);
      let state = load(this.#words, at);
      if (!isDeliverable(state) || targetOf(state) !== vcpu) {
        if (intid === kept && intid >= FIRST_LPI && (state & HELD) === 0 && targetOf(state) === vcpu)
          continue;
        list.claim(intid);
        // Only now is it safe to leave: who makes it deliverable from here on will find the bit gone, and set it.
        state = load(this.#words, at);
        // Held back while who latched it was on the way to list it: it has come again, so it counts.
        if ((state & HELD) !== 0 && targetOf(state) === vcpu) {
          this.change(at, intid, 0, 0);
          state = load(this.#words, at);
        }
        if (!isDeliverable(state)) continue;
        this.list(targetOf(state), intid);
        if (targetOf(state) !== vcpu) continue;
      }
      if (groups >= 0 && (state & GROUP1) !== groups) continue;
      const priority = priorityOf(state);
      if (priority >= bestPriority) continue;
      best = intid;
      bestPriority = priority;
      this.#found[0] = state;
      if (intid < PRIVATE_INTIDS) continue;
      if (stopAt < 0) stopAt = this.#census.best;
      if (priority <= stopAt) break;
    }
    return best;
  }

  /** The state of what the last {@link best} of this view returned, as it was then: to be read at once. */
  get stateFound(): number {
    return this.#found[0] ?? 0;
  }

  /**
   * Takes `intid` for `vcpu`, as an acknowledge does: its latch goes, and it turns active unless it is an LPI.
   * Returns its state from before, or 0 if it is no longer to be had: then look again. The thread of `vcpu` only.
   * @param seen - {@link stateFound}: deliverable to this vCPU, and perhaps out of date
   */
  take(vcpu: number, intid: number, seen?: number): number {
    const at = this.find(vcpu, intid);
    // The list first: if it is latched again behind the swap below, it will be listed again.
    this.#lists[vcpu]?.claim(intid);
    for (let before = seen ?? load(this.#words, at); ; before = load(this.#words, at)) {
      if (!isDeliverable(before) || targetOf(before) !== vcpu) {
        if (isDeliverable(before)) this.list(targetOf(before), intid);
        return 0;
      }
      const after = (before & ~(LATCH | HELD)) | (intid >= FIRST_LPI ? 0 : ACTIVE);
      if (replace(this.#words, at, before, after)) return before;
    }
  }

  /**
   * As {@link take}, of the LPI that was taken last: it stays on the list. Returns its state from before, or 0 if that
   * is not `seen` any more.
   */
  takeAgain(lpi: number, seen: number): number {
    return replace(this.#words, this.#lpis + lpi, seen, seen & ~(LATCH | HELD)) ? seen : 0;
  }

  /**
   * Ends the active state, as EOIR and DIR do; what is pending again is listed, and who watches a level-triggered SPI
   * hears of it. Returns whether it was active. Any thread.
   * @param group - GROUP1 or 0: only if it is of that group; -1 for either
   */
  deactivate(at: number, intid: number, group = -1): boolean {
    for (;;) {
      const before = load(this.#words, at);
      if ((before & ACTIVE) === 0 || (group >= 0 && (before & GROUP1) !== group)) return false;
      const after = before & ~ACTIVE;
      if (!replace(this.#words, at, before, after)) continue;
      if (isDeliverable(after)) this.list(targetOf(after), intid);
      if (intid >= FIRST_SPI && this.acks.isWatched(intid) && (before & EDGE) === 0) this.acks.note(intid);
      return true;
    }
  }

  /**
   * Whether {@link best} has something to do: a cheap look, blind to groups, masks and priorities. The thread of `vcpu` only.
   * @param kept - as in {@link best}
   */
  wantsLook(vcpu: number, kept = NONE): boolean {
    const list = this.#lists[vcpu];
    if (!list) return false;
    // Only an LPI is kept; anything else that is listed wants a look.
    if (kept < FIRST_LPI) return list.next(0) !== NONE;
    const state = load(this.#words, this.#lpis + kept);
    if (isDeliverable(state) && targetOf(state) === vcpu) return true;
    if (list.isAlone(kept)) return false;
    return list.next(0, kept) !== NONE || (list.has(kept) && !list.standsAlone(kept));
  }

  /** Whether `intid` is on the list of `vcpu`. For oracles and tests. */
  isListed(vcpu: number, intid: number): boolean {
    return this.#lists[vcpu]?.has(intid) ?? false;
  }

  /**
   * Which groups the distributor forwards: bit 0 group 0, bit 1 group 1. Opening the gate lists nothing by itself.
   * @see GICD_CTLR.EnableGrp0, EnableGrp1; KVM has one enable for both
   */
  setForwarding(groups: number): void {
    store(this.#words, this.#forwarding, groups);
  }

  get forwarding(): number {
    return load(this.#words, this.#forwarding);
  }

  /** Puts every interrupt into its reset state; all SPIs that there is room for exist. Before any thread of the machine runs. */
  reset(initial: (intid: number, vcpu: number) => number): void {
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      for (let intid = 0; intid < PRIVATE_INTIDS; intid++)
        this.#put(this.find(vcpu, intid), initial(intid, vcpu));
    }
    this.resize(this.#roomSpi - FIRST_SPI);
    for (let intid = FIRST_SPI; intid < this.#roomSpi; intid++)
      this.#put(this.#spis + intid, initial(intid, 0));
    for (let intid = FIRST_LPI; intid < this.#idLimit; intid++)
      this.#put(this.find(0, intid), initial(intid, 0));
  }

  #put(at: number, state: number): void {
    this.amend(at, ~state & peek(this.#words, at), state);
  }
}
