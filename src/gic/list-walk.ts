import { FIRST_LPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { load, type Words } from '../memory/word.ts';
import { LevelQueues } from './level-queues.ts';
import type { PriorityCensus } from './priority-census.ts';
import { ACTIVE, GROUP1, HELD, isDeliverable, LATCH, NONE, priorityOf, targetOf } from './state.ts';
import type { VcpuList } from './vcpu-list.ts';

/** Below every priority. */
const LOWEST = 256;
/** An interrupt of either group. */
const BOTH_GROUPS = -1;
/** No position of a slot: the interrupt that was found has none. */
const NOWHERE = 0;
// Words of what a search has found: the state and the position of the interrupt, whether it was found without a walk, and its place in
// a queue: the level, the link before its own, and its own, which is 0 where it is in none.
const STATE = 0;
const POSITION = 1;
const ALONE = 2;
const LINK = 5;
const FOUND_WORDS = 6;
/** Of a search of queues in which an interrupt stood in the queue of another priority. */
const UNSORTED = -2;
/** A list of so many slots is walked; a longer one has queues, until it has half as many. */
// guard: walked-list-length
const WALKED = 16;

/** The calls by which a walk passes an interrupt on. */
type Owner = {
  find(vcpu: VcpuId, intid: Intid): number;
  change(at: number, intid: Intid, clear: number, set: number): number;
  relist(vcpu: VcpuId, intid: Intid): void;
  bury(at: number, seen: number): void;
};

/**
 * The walk over a vCPU's list to the interrupt of best priority; the thread of that vCPU only. The walk takes interrupts off the
 * list that are no longer deliverable, and passes on those that have moved to another vCPU (KVM: vgic_prune_ap_list). An
 * active interrupt keeps its place.
 */
export class ListWalk {
  readonly #words: Words;
  readonly #owner: Owner;
  readonly #census: PriorityCensus;
  readonly #firstCome: boolean;
  /** Results of {@link best} beside its INTID; no state. */
  readonly #found = new Int32Array(FOUND_WORDS);

  /** @param firstCome - whether equal priorities go by the order of listing; if not, by INTID */
  constructor(words: Words, owner: Owner, census: PriorityCensus, firstCome: boolean) {
    this.#words = words;
    this.#owner = owner;
    this.#census = census;
    this.#firstCome = firstCome;
  }

  /** The state of the interrupt that the last {@link best} returned, at that time. */
  get state(): number {
    return this.#found[STATE] ?? 0;
  }

  /** The position of the interrupt that the last {@link best} returned. */
  get position(): number {
    return this.#found[POSITION] ?? NOWHERE;
  }

  /** Says that an interrupt was found without a walk. */
  foundAlone(state: number): void {
    this.#found[STATE] = state;
    this.#found[ALONE] = 1;
    this.#found[LINK] = 0;
  }

  /** Whether the last interrupt was found without a walk. */
  get wasAlone(): boolean {
    return this.#found[ALONE] === 1;
  }

  /** The listed interrupt of best priority that `vcpu` could take, or NONE. @param groups - as in {@link Interrupts.best} */
  best(vcpu: VcpuId, list: VcpuList, groups: number): Intid {
    let best = NONE;
    let bestPriority = LOWEST;
    let privatesSeen = 0;
    this.#found[ALONE] = 0;
    this.#found[LINK] = 0;
    if (list.isThin) list.compact();
    if (list.queues.isUsed) {
      if (list.length > (WALKED + 1) >> 1 && !list.hasSpilled) return this.#bestOfQueues(vcpu, list, groups);
      list.queues.reset();
    }
    let walked = 0;
    for (let position = list.begin; position !== list.end; position = list.after(position)) {
      if (++walked > WALKED && this.#firstCome && !list.hasSpilled)
        return this.#bestOfQueues(vcpu, list, groups);
      const intid = list.at(position);
      if (intid < 0) continue;
      const state = this.#examine(vcpu, list, intid, position);
      if (intid < PRIVATE_INTIDS) privatesSeen |= 1 << intid;
      if (state === 0 || (groups >= 0 && (state & GROUP1) !== groups)) continue;
      const priority = priorityOf(state);
      // guard: walk-finds-most-urgent
      if (priority > bestPriority) continue;
      if (priority === bestPriority && (this.#firstCome || intid > best)) continue;
      best = intid;
      bestPriority = priority;
      this.#found[STATE] = state;
      this.#found[POSITION] = position;
      // SPIs and LPIs are counted in the census; private interrupts are not, so all that are listed must have been seen.
      // guard: census-ends-walk
      if (!this.#firstCome || priority > this.#census.best) continue;
      if ((list.privates & ~privatesSeen) === 0) break;
    }
    return list.takeSpilled() ? this.#bestOfBits(vcpu, list, groups, best, bestPriority) : best;
  }

  /** As {@link best}, of a long list: by the queues of its priorities. */
  #bestOfQueues(vcpu: VcpuId, list: VcpuList, groups: number): Intid {
    const { queues } = list;
    for (;;) {
      // guard: resort-before-index
      if (list.takeResort()) queues.reset();
      queues.use(list.begin);
      this.#index(vcpu, list);
      const found = this.#searchQueues(vcpu, list, groups);
      if (found !== UNSORTED) return found;
      queues.reset();
    }
  }

  /** The most urgent interrupt in the queues, NONE, or {@link UNSORTED}. Takes those off that are no longer deliverable. */
  #searchQueues(vcpu: VcpuId, list: VcpuList, groups: number): Intid {
    const { queues } = list;
    for (let level = queues.first(0); level >= 0; level = queues.first(level + 1)) {
      for (let before = 0, link = queues.head(level); link !== 0; ) {
        const next = queues.next(link);
        const position = list.positionOf(link - 1);
        const intid = list.at(position);
        const state = intid < 0 ? 0 : this.#examine(vcpu, list, intid, position);
        const own = LevelQueues.levelOf(priorityOf(state));
        if (intid < 0 || !list.holds(position, intid)) {
          queues.remove(level, before, link);
        } else if (state !== 0 && own !== level) {
          // Changed in this very moment: its place in another queue is that of its slot.
          return UNSORTED;
        } else if (state === 0 || (groups >= 0 && (state & GROUP1) !== groups)) {
          before = link;
        } else {
          this.#found.set([state, position, 0, level, before, link]);
          return intid;
        }
        link = next;
      }
    }
    return NONE;
  }

  /** Puts the slots that producers have filled since into the queues. */
  #index(vcpu: VcpuId, list: VcpuList): void {
    const { queues } = list;
    let position = queues.indexed;
    for (
      const { end } = list;
      position !== end && !list.isUnwritten(position);
      position = (position + 1) | 0
    ) {
      const intid = list.at(position);
      if (intid < 0) continue;
      const state = load(this.#words, this.#owner.find(vcpu, intid));
      queues.add(LevelQueues.levelOf(priorityOf(state)), list.slotAt(position) + 1);
    }
    queues.indexed = position;
  }

  /** Takes the slot of the interrupt that the last {@link best} returned off the list. */
  dropFound(list: VcpuList, intid: Intid): void {
    const [, position = NOWHERE, , level = 0, before = 0, link = 0] = this.#found;
    const isQueued = link !== 0 && list.holds(position, intid);
    list.drop(position, intid);
    if (isQueued) list.queues.remove(level, before, link);
    this.#found[LINK] = 0;
  }

  /** Walks all of the list, where {@link best} ends as soon as no better interrupt can come. */
  prune(vcpu: VcpuId, list: VcpuList): void {
    list.queues.reset();
    for (let position = list.begin; position !== list.end; position = list.after(position)) {
      const intid = list.at(position);
      if (intid >= 0) this.#examine(vcpu, list, intid, position);
    }
    if (list.takeSpilled()) this.#bestOfBits(vcpu, list, BOTH_GROUPS, NONE, LOWEST);
  }

  /** As {@link best}, by a search of the bits, for INTIDs that the ring had no room for. */
  #bestOfBits(vcpu: VcpuId, list: VcpuList, groups: number, found: number, priorityFound: number): Intid {
    let best = found;
    let bestPriority = priorityFound;
    for (let intid = list.next(0); intid !== NONE; intid = list.next(intid + 1)) {
      // Whether this INTID has a slot is not known: as long as an INTID is listed, the bits are searched.
      list.spill();
      const state = this.#examine(vcpu, list, intid, NOWHERE);
      if (state === 0 || (groups >= 0 && (state & GROUP1) !== groups)) continue;
      const priority = priorityOf(state);
      if (priority >= bestPriority) continue;
      best = intid;
      bestPriority = priority;
      this.#found[STATE] = state;
      this.#found[POSITION] = NOWHERE;
    }
    return best;
  }

  /** The state of a listed interrupt that `vcpu` could take, or 0. */
  #examine(vcpu: VcpuId, list: VcpuList, intid: Intid, position: number): number {
    const state = load(this.#words, this.#owner.find(vcpu, intid));
    // A latched one is listed, or about to be. Of the others the bit decides: a level that is up may have been taken off the list.
    // guard: walk-looks-at-target
    if (targetOf(state) === vcpu && ((state & LATCH) !== 0 || list.has(intid))) {
      if (isDeliverable(state)) return state;
      // guard: active-spi-keeps-place
      if ((state & ACTIVE) !== 0 && intid < FIRST_LPI) return 0;
    }
    this.dropFrom(vcpu, list, intid, position);
    return 0;
  }

  /** Takes an interrupt off the list that has ended, if it is first there, or the list has queues; its state is `state`. */
  dropEnded(vcpu: VcpuId, list: VcpuList, intid: Intid, state: number): void {
    const { queues } = list;
    if (queues.isUsed) {
      const level = LevelQueues.levelOf(priorityOf(state));
      for (let before = 0, link = queues.head(level); link !== 0; before = link, link = queues.next(link)) {
        const position = list.positionOf(link - 1);
        if (list.at(position) !== intid) continue;
        queues.remove(level, before, link);
        this.dropFrom(vcpu, list, intid, position);
        return;
      }
      return;
    }
    if (list.at(list.begin) === intid) this.dropFrom(vcpu, list, intid, list.begin);
  }

  /** Takes an interrupt off the list, and lists it anew if it must be listed. */
  dropFrom(vcpu: VcpuId, list: VcpuList, intid: Intid, position: number): void {
    list.drop(position, intid);
    // guard: unlisted-before-second-look
    if (!list.claim(intid)) return;
    const at = this.#owner.find(vcpu, intid);
    // Only now is it safe to leave: a thread that makes it deliverable from here on finds the bit clear, and sets it.
    // guard: second-look-at-unlisted
    let state = load(this.#words, at);
    // Held back while the thread that latched the interrupt was about to list it: the interrupt has come again, so it counts.
    if ((state & HELD) !== 0 && targetOf(state) === vcpu) {
      this.#owner.change(at, intid, 0, 0);
      state = load(this.#words, at);
    }
    // guard: unlisted-is-passed-on
    if (isDeliverable(state)) this.#owner.relist(targetOf(state), intid);
    else this.#owner.bury(at, state);
  }
}
