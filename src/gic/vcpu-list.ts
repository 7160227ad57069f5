import type { Intid, VcpuId } from '../arch/intid.ts';
import { Bitmap } from '../memory/bitmap.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { load, peek, poke, replace, store, type Words } from '../memory/word.ts';
import { LevelQueues, levelQueuesWords } from './level-queues.ts';

/** Maximum slots of a vCPU's ring. A list of more INTIDs still finds each by priority, but loses the order of arrival. */
// guard: ring-buffer-size
const RING = 4096;

export type VcpuListRegions = {
  /** A {@link Bitmap} of INTIDs. */
  readonly listed: Region;
  /** One word: 1 + the INTID that is alone on the list; 0 for none. */
  readonly alone: Region;
  /** The INTIDs in the order of listing; a power of two of slots. */
  readonly ring: Region;
  /** Words that producers write: the ring's end, whether an INTID found no room, whether a priority has changed. */
  readonly tail: Region;
  /** Words that only the consumer reads and writes: the ring's begin, the INTID taken last, the number of gone slots. */
  readonly head: Region;
  /** One word: a copy of the ring's begin for producers, which the consumer updates now and then. */
  readonly published: Region;
  /** {@link LevelQueues} over the ring. */
  readonly queues: Region;
};

/**
 * Adds the regions of a vCPU's list to a layout.
 * @param idLimit - one past the highest INTID
 * @param ring - slots of the ring, a power of two
 */
export function vcpuListRegions(
  layout: Layout,
  vcpu: VcpuId,
  idLimit: number,
  ring: number = Math.min(RING, idLimit >>> 4),
): VcpuListRegions {
  return layout.group(`vcpu${vcpu}`, {
    listed: Math.ceil(idLimit / 32),
    alone: 1,
    ring,
    tail: LINE,
    head: LINE,
    published: LINE,
    queues: levelQueuesWords(ring),
  });
}

/** Value of {@link VcpuList.alone} if no INTID is noted. */
export const NO_INTID = -1;
/** Values of a slot besides INTID + 1: EMPTY before its producer has written it, GONE after its INTID was taken off the list. */
const EMPTY = 0;
const GONE = -1;

// Words of `tail`.
const END = 0;
const SPILLED = 1;
const RESORT = 2;
// Words of `head`.
const BEGIN = 0;
const LAST = 1;
const GONES = 2;
/** The consumer compacts the ring when more gone slots than this lie between others. */
// guard: thin-list-limit
const MOST_GONE = 32;
/** The consumer publishes its begin each time it passes an eighth of the ring. */
const PUBLISH_SHIFT = 3;

/**
 * The INTIDs that one vCPU should check, in the order of listing (KVM: ap_list). Producers, any thread, add INTIDs; the consumer, the
 * vCPU's thread, walks the list and takes INTIDs off.
 *
 * Words: a bit for each INTID says whether it is listed; the ring says in which order.
 * Producer: sets the bit; if the bit was clear, reserves a slot at the end and stores the INTID there. A full ring sets `spilled`.
 * Consumer: walks the slots from the begin to the end, and the bits too while `spilled` is set.
 * A slot whose bit is clear is out of date (any thread may clear a bit), and the consumer drops the slot. The producer of an empty
 * slot fills it and then rings the vCPU.
 *
 * **Alone.** A repeating interrupt stays listed without a slot: only its bit is set, and `alone` notes its INTID. While the note
 * stands, the interrupt's state replaces a walk.
 * Consumer: stores the note, **then** reads the ring's end. Producer: moves the end, **then** clears the note. So one of the two sees
 * the other. The thread that clears the note claims the INTID's bit, reads its state, and lists the INTID again if it is deliverable.
 */
export class VcpuList {
  readonly #words: Words;
  readonly #listed: Bitmap;
  readonly #privates: number;
  readonly #alone: number;
  readonly #ring: number;
  readonly #mask: number;
  readonly #tail: number;
  readonly #head: number;
  readonly #published: number;
  /** The vCPU's thread only. */
  readonly queues: LevelQueues;

  constructor(words: Words, regions: VcpuListRegions) {
    this.#words = words;
    this.#listed = new Bitmap(words, regions.listed);
    this.#privates = regions.listed.at;
    this.#alone = regions.alone.at;
    this.#ring = regions.ring.at;
    this.#mask = regions.ring.words - 1;
    this.#tail = regions.tail.at;
    this.#head = regions.head.at;
    this.#published = regions.published.at;
    this.queues = new LevelQueues(words, regions.queues);
  }

  /** Sets the bit of `intid`; true if this call set it: the caller must then {@link append} the INTID. Any thread. */
  mark(intid: Intid): boolean {
    return this.#listed.set(intid);
  }

  /** Appends a marked INTID. After the return, the consumer finds `intid`. Any thread. */
  append(intid: Intid): void {
    const words = this.#words;
    for (;;) {
      const end = load(words, this.#tail + END);
      // A stale begin is harmless: the begin only moves forward, so the ring has at least as much room.
      if (((end - load(words, this.#published)) | 0) > this.#mask) {
        // guard: full-ring-says-so
        store(words, this.#tail + SPILLED, 1);
        return;
      }
      // guard: one-producer-a-slot
      if (!replace(words, this.#tail + END, end, (end + 1) | 0)) continue;
      store(words, this.#ring + (end & this.#mask), intid + 1);
      return;
    }
  }

  /**
   * Clears an `alone` note of an INTID other than `intid`, and returns the noted INTID, or {@link NO_INTID}. The caller claims that
   * INTID's bit and reads its state.
   */
  endAlone(intid: Intid): Intid {
    const { alone } = this;
    // guard: producer-ends-lone-note
    if (alone === NO_INTID || alone === intid) return NO_INTID;
    // guard: one-thread-takes-lone-note
    return replace(this.#words, this.#alone, alone + 1, 0) ? alone : NO_INTID;
  }

  /** Clears the bit of `intid`; true for exactly one of any number of racing callers. */
  claim(intid: Intid): boolean {
    return this.#listed.claim(intid);
  }

  has(intid: Intid): boolean {
    return this.#listed.has(intid);
  }

  /** Notes that the priority of a listed interrupt may have changed. Any thread, after the change and before the ring. */
  noteResort(): void {
    if (load(this.#words, this.#tail + RESORT) === 0) store(this.#words, this.#tail + RESORT, 1);
  }

  // ---- the consumer only

  /** Whether a priority may have changed since the consumer indexed the slots. Clears the note. */
  takeResort(): boolean {
    if (load(this.#words, this.#tail + RESORT) === 0) return false;
    store(this.#words, this.#tail + RESORT, 0);
    return true;
  }

  /** Slots from the begin to the end, gone slots included. */
  get length(): number {
    return (this.end - this.begin) | 0;
  }

  get hasSpilled(): boolean {
    return load(this.#words, this.#tail + SPILLED) !== 0;
  }

  /** The index of the slot at a position. {@link positionOf} is the inverse. */
  slotAt(position: number): number {
    return position & this.#mask;
  }

  positionOf(slot: number): number {
    const { begin } = this;
    return (begin + ((slot - begin) & this.#mask)) | 0;
  }

  /** Whether the slot at a position still has `intid`. */
  holds(position: number, intid: Intid): boolean {
    return ((position - this.begin) | 0) >= 0 && this.intidAt(position) === intid;
  }

  /** Whether the producer of the slot at a position has not written it yet. */
  isUnwritten(position: number): boolean {
    return load(this.#words, this.#ring + (position & this.#mask)) === EMPTY;
  }

  /** Position of the first slot. Positions wrap at 32 bits. */
  get begin(): number {
    return peek(this.#words, this.#head + BEGIN);
  }

  /** Position behind the last slot. */
  get end(): number {
    return load(this.#words, this.#tail + END);
  }

  /** The INTID at a position; -1 for a gone slot, or a slot that is not written yet. */
  intidAt(position: number): Intid {
    const slot = load(this.#words, this.#ring + (position & this.#mask));
    return slot > EMPTY ? slot - 1 : -1;
  }

  /**
   * Drops the slot at a position, if it has `intid`, and then all gone slots at the begin. Plain accesses suffice: written slots are
   * the consumer's, and producers reuse a slot only after they have read the published begin.
   */
  drop(position: number, intid: Intid): void {
    const words = this.#words;
    const slot = this.#ring + (position & this.#mask);
    if (peek(words, slot) !== intid + 1) return;
    const first = this.begin;
    if (position !== first) {
      poke(words, slot, GONE);
      poke(words, this.#head + GONES, peek(words, this.#head + GONES) + 1);
      return;
    }
    let begin = first;
    // The loop stops at the end at the latest: the slot there is EMPTY, in a full ring because this loop has emptied it.
    do {
      poke(words, this.#ring + (begin & this.#mask), EMPTY);
      begin = (begin + 1) | 0;
    } while (peek(words, this.#ring + (begin & this.#mask)) === GONE);
    const passed = ((begin - first) | 0) - 1;
    if (passed > 0) poke(words, this.#head + GONES, peek(words, this.#head + GONES) - passed);
    this.#beginAt(begin, first);
  }

  #beginAt(begin: number, first: number): void {
    poke(this.#words, this.#head + BEGIN, begin);
    const step = (this.#mask + 1) >> PUBLISH_SHIFT;
    if (((begin ^ first) & -step) !== 0) store(this.#words, this.#published, begin);
  }

  /** Whether a walk would meet many gone slots. */
  get isThin(): boolean {
    const gone = peek(this.#words, this.#head + GONES);
    // speed: the length needs a word that producers write, so it is read last (bench gic).
    return gone > MOST_GONE && gone > this.length >> 2;
  }

  /**
   * Moves the INTIDs together at the end of the ring, in their order. Otherwise an interrupt that waits at the begin makes each walk
   * longer than the last. Invalidates positions.
   */
  compact(): void {
    const words = this.#words;
    const { begin: first, end } = this;
    const slotOf = (position: number) => this.#ring + (position & this.#mask);
    // A producer will still write an EMPTY slot, so the slot must not move.
    // guard: compaction-spares-writers
    for (let position = first; position !== end; position = (position + 1) | 0)
      if (load(words, slotOf(position)) === EMPTY) return;
    let begin = end;
    for (let position = end; position !== first; ) {
      position = (position - 1) | 0;
      const slot = peek(words, slotOf(position));
      poke(words, slotOf(position), EMPTY);
      if (slot === GONE) continue;
      begin = (begin - 1) | 0;
      poke(words, slotOf(begin), slot);
    }
    poke(words, this.#head + GONES, 0);
    this.queues.reset();
    this.#beginAt(begin, first);
  }

  /** Sorts the INTIDs by a key, lowest first; stable. Invalidates positions. */
  sort(keyOf: (intid: Intid) => number): void {
    const words = this.#words;
    const { begin, end: last } = this;
    const slotOf = (position: number) => this.#ring + (position & this.#mask);
    let end = begin;
    while (end !== last && load(words, slotOf(end)) !== EMPTY) end = (end + 1) | 0;
    for (let position = begin; position !== end; position = (position + 1) | 0) {
      const slot = peek(words, slotOf(position));
      if (slot === GONE) continue;
      const key = keyOf(slot - 1);
      let place = position;
      for (; place !== begin; place = (place - 1) | 0) {
        const before = peek(words, slotOf((place - 1) | 0));
        if (before !== GONE && keyOf(before - 1) <= key) break;
        poke(words, slotOf(place), before);
      }
      poke(words, slotOf(place), slot);
    }
    this.queues.reset();
  }

  /** The listed SGIs and PPIs, a bit each. */
  get privates(): number {
    return load(this.#words, this.#privates);
  }

  /** Whether an INTID has found no room in the ring. Clears the mark; call it before {@link next}. */
  takeSpilled(): boolean {
    if (load(this.#words, this.#tail + SPILLED) === 0) return false;
    store(this.#words, this.#tail + SPILLED, 0);
    return true;
  }

  /** Marks that the next search must include the bits. */
  spill(): void {
    // guard: bits-are-searched-on
    store(this.#words, this.#tail + SPILLED, 1);
  }

  /** The lowest listed INTID from `from` on, or -1. Searches the bits, for INTIDs that have no slot. */
  next(from: Intid): Intid {
    return this.#listed.next(from);
  }

  /** Whether an INTID besides a lone one may be listed. Costs at most two loads of words that producers write. */
  get isFilled(): boolean {
    const { begin } = this;
    return load(this.#words, this.#tail + END) !== begin || load(this.#words, this.#tail + SPILLED) !== 0;
  }

  /** The only INTID that may be listed, or {@link NO_INTID} if none is noted: one load. */
  get alone(): Intid {
    return load(this.#words, this.#alone) - 1;
  }

  /** The INTID that the vCPU took last. {@link keepAlone} keeps an INTID that is taken twice in a row. */
  get lastTaken(): Intid {
    return peek(this.#words, this.#head + LAST) - 1;
  }

  noteTaken(intid: Intid): void {
    if (this.lastTaken !== intid) poke(this.#words, this.#head + LAST, intid + 1);
  }

  /**
   * Keeps an interrupt that was taken twice in a row listed without a slot, if no other INTID is listed. False if another is: the
   * interrupt then keeps its slot, and its place.
   */
  keepAlone(position: number, intid: Intid): boolean {
    // guard: lone-note-before-look
    store(this.#words, this.#alone, intid + 1);
    // guard: lone-interrupt-stands-alone
    if (this.#isOnly(position)) {
      this.drop(position, intid);
      return true;
    }
    // If the swap fails, a producer has cleared the note and has given the interrupt another slot.
    replace(this.#words, this.#alone, intid + 1, 0);
    return false;
  }

  /** Whether the slot at a position is the only one. */
  #isOnly(position: number): boolean {
    const { begin } = this;
    return (
      position === begin && this.end === ((begin + 1) | 0) && load(this.#words, this.#tail + SPILLED) === 0
    );
  }

  /** The next position to visit; the walk may have dropped `position` and slots behind it meanwhile. */
  after(position: number): number {
    const { begin } = this;
    return ((begin - position) | 0) > 0 ? begin : (position + 1) | 0;
  }
}
