import { FIRST_LPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { load, type Words } from '../memory/word.ts';
import { LevelQueues } from './level-queues.ts';
import type { PriorityCensus } from './priority-census.ts';
import { ACTIVE, GROUP1, isDeliverable, LATCH, NONE, priorityOf, targetOf, UNQUEUED } from './state.ts';
import type { VcpuList } from './vcpu-list.ts';

/** Less urgent than every priority. */
const LOWEST = 256;
/** Value of `groups` for both groups. */
const BOTH_GROUPS = -1;
/** The position of an interrupt without a slot. */
const NOWHERE = 0;
// Words of a search's result: the interrupt's state; its position; whether it was found without a walk; and its place in a queue: the
// level, the link before its own, its own link (0: in no queue).
const STATE = 0;
const POSITION = 1;
const ALONE = 2;
const LINK = 5;
const FOUND_WORDS = 6;
/** Result of a search of queues that met an interrupt in the queue of a former priority. */
const UNSORTED = -2;
/** A longer list uses queues, until its length falls to half of this. */
// guard: walked-list-length
const WALKED = 16;

/** The calls by which a walk passes an interrupt on: methods of Interrupts. */
type Owner = {
  find(vcpu: VcpuId, intid: Intid): number;
  change(at: number, intid: Intid, clear: number, set: number): number;
  relist(vcpu: VcpuId, intid: Intid): void;
  bury(at: number, seen: number): void;
};

/**
 * Finds the most urgent interrupt on a vCPU's list; the thread of that vCPU only. A walk drops undeliverable interrupts from the
 * list, and passes on those that now target another vCPU (KVM: vgic_prune_ap_list). An active interrupt keeps its place.
 */
export class ListWalk {
  readonly #words: Words;
  readonly #owner: Owner;
  readonly #census: PriorityCensus;
  readonly #firstCome: boolean;
  /** Results of {@link best} beside the INTID. Not state of the machine. */
  readonly #found = new Int32Array(FOUND_WORDS);

  /** @param firstCome - ties go to the interrupt listed first (true) or to the lowest INTID (false) */
  constructor(words: Words, owner: Owner, census: PriorityCensus, firstCome: boolean) {
    this.#words = words;
    this.#owner = owner;
    this.#census = census;
    this.#firstCome = firstCome;
  }

  /** The state on which the last {@link best} based its result. */
  get state(): number {
    return this.#found[STATE] ?? 0;
  }

  /** The position of the last {@link best}'s result. */
  get position(): number {
    return this.#found[POSITION] ?? NOWHERE;
  }

  /** Records a result that was found without a walk. */
  foundAlone(state: number): void {
    this.#found[STATE] = state;
    this.#found[ALONE] = 1;
    this.#found[LINK] = 0;
  }

  /** Whether the last result was found without a walk. */
  get wasAlone(): boolean {
    return this.#found[ALONE] === 1;
  }

  /** The most urgent deliverable interrupt on the list, or NONE. @param groups - as in {@link Interrupts.best} */
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
      const intid = list.intidAt(position);
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
      // The census bounds SPIs and LPIs only. So the walk ends early once it has met all listed SGIs and PPIs.
      // guard: census-ends-walk
      if (!this.#firstCome || priority > this.#census.best) continue;
      if ((list.privates & ~privatesSeen) === 0) break;
    }
    return list.takeSpilled() ? this.#bestOfBits(vcpu, list, groups, best, bestPriority) : best;
  }

  /** {@link best} for a long list, by its queues. */
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

  /** The most urgent interrupt in the queues, NONE, or {@link UNSORTED}. Drops undeliverable interrupts. */
  #searchQueues(vcpu: VcpuId, list: VcpuList, groups: number): Intid {
    const { queues } = list;
    for (let level = queues.first(0); level >= 0; level = queues.first(level + 1)) {
      for (let before = 0, link = queues.head(level); link !== 0; ) {
        const next = queues.next(link);
        const position = list.positionOf(link - 1);
        const intid = list.intidAt(position);
        const state = intid < 0 ? 0 : this.#examine(vcpu, list, intid, position);
        const own = LevelQueues.levelOf(priorityOf(state));
        if (intid < 0 || !list.holds(position, intid)) {
          queues.remove(level, before, link);
        } else if (state !== 0 && own !== level) {
          // A register write has just changed the priority; only a new index puts the slot into its right place of the other queue.
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

  /** Adds the slots that producers have filled since the last call to the queues. */
  #index(vcpu: VcpuId, list: VcpuList): void {
    const { queues } = list;
    let position = queues.indexed;
    for (
      const { end } = list;
      position !== end && !list.isUnwritten(position);
      position = (position + 1) | 0
    ) {
      const intid = list.intidAt(position);
      if (intid < 0) continue;
      const state = load(this.#words, this.#owner.find(vcpu, intid));
      queues.add(LevelQueues.levelOf(priorityOf(state)), list.slotAt(position) + 1);
    }
    queues.indexed = position;
  }

  /** Drops the slot of the last {@link best}'s result. */
  dropFound(list: VcpuList, intid: Intid): void {
    const [, position = NOWHERE, , level = 0, before = 0, link = 0] = this.#found;
    const isQueued = link !== 0 && list.holds(position, intid);
    list.drop(position, intid);
    if (isQueued) list.queues.remove(level, before, link);
    this.#found[LINK] = 0;
  }

  /** Prunes the whole list; {@link best} may stop before the end. */
  prune(vcpu: VcpuId, list: VcpuList): void {
    list.queues.reset();
    for (let position = list.begin; position !== list.end; position = list.after(position)) {
      const intid = list.intidAt(position);
      if (intid >= 0) this.#examine(vcpu, list, intid, position);
    }
    if (list.takeSpilled()) this.#bestOfBits(vcpu, list, BOTH_GROUPS, NONE, LOWEST);
  }

  /** {@link best} by a search of the bits, for INTIDs that the ring had no room for. */
  #bestOfBits(vcpu: VcpuId, list: VcpuList, groups: number, found: number, priorityFound: number): Intid {
    let best = found;
    let bestPriority = priorityFound;
    for (let intid = list.next(0); intid !== NONE; intid = list.next(intid + 1)) {
      // This INTID may have no slot, so searches use the bits until no INTID is listed.
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

  /** The state of a listed interrupt if it is deliverable to `vcpu`, else 0. */
  #examine(vcpu: VcpuId, list: VcpuList, intid: Intid, position: number): number {
    const state = load(this.#words, this.#owner.find(vcpu, intid));
    // A latched interrupt is listed, or about to be. A level interrupt counts only with its bit: a thread may have unlisted it.
    // guard: walk-looks-at-target
    if (targetOf(state) === vcpu && ((state & LATCH) !== 0 || list.has(intid))) {
      if (isDeliverable(state)) return state;
      // guard: active-spi-keeps-place
      if ((state & ACTIVE) !== 0 && intid < FIRST_LPI) return 0;
    }
    this.dropFrom(vcpu, list, intid, position);
    return 0;
  }

  /** Drops a deactivated interrupt if it has the first slot or the list uses queues. @param state - its state */
  dropEnded(vcpu: VcpuId, list: VcpuList, intid: Intid, state: number): void {
    const { queues } = list;
    if (queues.isUsed) {
      const level = LevelQueues.levelOf(priorityOf(state));
      for (let before = 0, link = queues.head(level); link !== 0; before = link, link = queues.next(link)) {
        const position = list.positionOf(link - 1);
        if (list.intidAt(position) !== intid) continue;
        queues.remove(level, before, link);
        this.dropFrom(vcpu, list, intid, position);
        return;
      }
      return;
    }
    if (list.intidAt(list.begin) === intid) this.dropFrom(vcpu, list, intid, list.begin);
  }

  /** Takes an interrupt off the list, and lists it again if it is deliverable. */
  dropFrom(vcpu: VcpuId, list: VcpuList, intid: Intid, position: number): void {
    list.drop(position, intid);
    // guard: unlisted-before-second-look
    if (!list.claim(intid)) return;
    const at = this.#owner.find(vcpu, intid);
    // From here on, a producer that makes the interrupt deliverable finds the bit clear and lists it. This load covers earlier producers.
    // guard: second-look-at-unlisted
    let state = load(this.#words, at);
    // Another thread unqueued the interrupt while its producer was about to list it. The producer's signal counts.
    if ((state & UNQUEUED) !== 0 && targetOf(state) === vcpu) {
      this.#owner.change(at, intid, 0, 0);
      state = load(this.#words, at);
    }
    // guard: unlisted-is-passed-on
    if (isDeliverable(state)) this.#owner.relist(targetOf(state), intid);
    else this.#owner.bury(at, state);
  }
}
