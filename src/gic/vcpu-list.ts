import type { Intid, VcpuId } from '../arch/intid.ts';
import { Bitmap } from '../memory/bitmap.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { load, peek, poke, replace, store, type Words } from '../memory/word.ts';
import { LevelQueues, levelQueuesWords } from './level-queues.ts';

/** INTIDs that a vCPU's list keeps in order, at most. Beyond that many at one time the list still finds each, and its priority, but not its turn. */
// guard: ring-buffer-size
const RING = 4096;

export type VcpuListRegions = {
  /** A {@link Bitmap} of INTIDs. */
  readonly listed: Region;
  /** One word: the INTID that is alone on the list, + 1; 0 for none. */
  readonly alone: Region;
  /** A power of two of slots: the INTIDs in the order in which they were listed. */
  readonly ring: Region;
  /** Words that producers write: the ring's end, and whether an INTID found no room. */
  readonly tail: Region;
  /** Words that the consumer alone reads and writes: the ring's begin, and the INTID that was taken last. */
  readonly head: Region;
  /** One word: the ring's begin as producers see it, written by the consumer now and then. */
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

/** No INTID: none is alone on the list. */
export const NOBODY = -1;
/** A slot's values besides INTID + 1: its producer is still writing, or its INTID was taken off the list. */
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
/** So many slots of INTIDs that were taken off make the consumer move the others together. */
// guard: thin-list-limit
const MOST_GONE = 32;
/** The consumer publishes its begin when it has passed an eighth of the ring. */
const PUBLISH_SHIFT = 3;

/**
 * The INTIDs that one vCPU should look at, in the order in which they were listed (KVM: ap_list). Many threads add to it;
 * its vCPU, the consumer, walks it and takes INTIDs off.
 *
 * Words: a bit for each INTID says whether it is listed; the ring says in which order.
 * Producer: sets the bit; if the bit was clear, reserves a slot at the end and stores the INTID there. A full ring sets `spilled`.
 * Consumer: walks the slots from the begin to the end, and the bits too while `spilled` is set.
 * A slot whose bit is clear is out of date (any thread may clear a bit), and the consumer drops it. An empty slot's producer has not
 * returned yet, and rings the vCPU after it has filled the slot.
 *
 * **Alone.** An interrupt that comes again and again stays on the list without a slot: only its bit is set. The consumer notes that
 * this INTID is alone, and as long as the note stands, the interrupt's state says what a walk would. The consumer writes the note
 * **before** the look at the ring's end that makes the note true; a producer takes the note away **after** it moved the end: so one of
 * the two sees the other. The thread that takes the note away claims the INTID's bit, looks at its state, and lists it anew if it
 * must be.
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

  /** Sets the bit of `intid`; true if this call set it: the caller then has to {@link append} the INTID. Any thread. */
  mark(intid: Intid): boolean {
    return this.#listed.set(intid);
  }

  /** Puts a marked INTID at the end. When it returns, the consumer finds `intid`. */
  append(intid: Intid): void {
    const words = this.#words;
    for (;;) {
      const end = load(words, this.#tail + END);
      // The begin only moves forward, so an old begin is merely too careful.
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

  /** Takes the note of another INTID away, whose bit has to be claimed and whose state looked at; {@link NOBODY} if there was none. */
  endAlone(intid: Intid): Intid {
    const { alone } = this;
    // guard: producer-ends-lone-note
    if (alone === NOBODY || alone === intid) return NOBODY;
    // guard: one-thread-takes-lone-note
    return replace(this.#words, this.#alone, alone + 1, 0) ? alone : NOBODY;
  }

  /** Clears the bit of `intid`; true for exactly one of any number of racing callers. */
  claim(intid: Intid): boolean {
    return this.#listed.claim(intid);
  }

  has(intid: Intid): boolean {
    return this.#listed.has(intid);
  }

  /** Says that an interrupt that may be listed has another priority. Any thread, after the change and before the ring. */
  noteResort(): void {
    if (load(this.#words, this.#tail + RESORT) === 0) store(this.#words, this.#tail + RESORT, 1);
  }

  // ---- the consumer only

  /** Whether a listed interrupt may have another priority than when the consumer met its slot; clears the note. */
  takeResort(): boolean {
    if (load(this.#words, this.#tail + RESORT) === 0) return false;
    store(this.#words, this.#tail + RESORT, 0);
    return true;
  }

  /** Slots from the begin to the end, those of INTIDs that were taken off among them. */
  get length(): number {
    return (this.end - this.begin) | 0;
  }

  get hasSpilled(): boolean {
    return load(this.#words, this.#tail + SPILLED) !== 0;
  }

  /** The number of the slot at a position, and the position of a slot. */
  slotAt(position: number): number {
    return position & this.#mask;
  }

  positionOf(slot: number): number {
    const { begin } = this;
    return (begin + ((slot - begin) & this.#mask)) | 0;
  }

  /** Whether `intid` still has the slot at a position. */
  holds(position: number, intid: Intid): boolean {
    return ((position - this.begin) | 0) >= 0 && this.at(position) === intid;
  }

  /** Whether the producer of the slot at a position is still to write there. */
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

  /** The INTID at a position, or a negative number where there is none (any more, or yet). */
  at(position: number): Intid {
    const slot = load(this.#words, this.#ring + (position & this.#mask));
    return slot > EMPTY ? slot - 1 : -1;
  }

  /**
   * Drops the slot at a position, if it holds `intid`, and the dropped ones at the begin. Slots before the end are the consumer's own,
   * and the begin is published now and then, so plain accesses do; producers use slots again after they saw the published begin.
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
    // Stops at the end at the latest: the slot there is empty, if only because this loop has just emptied it.
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

  /** Whether a walk would meet many slots of INTIDs that were taken off. */
  get isThin(): boolean {
    const gone = peek(this.#words, this.#head + GONES);
    // speed: the length is a word of the producers, so it is looked at last (bench gic).
    return gone > MOST_GONE && gone > this.length >> 2;
  }

  /**
   * Moves the INTIDs together, to the end of the ring, in the order in which they are: an interrupt that waits for long at the begin
   * would else make each walk longer than the one before. Positions from before do not hold any more.
   */
  compact(): void {
    const words = this.#words;
    const { begin: first, end } = this;
    const slotOf = (position: number) => this.#ring + (position & this.#mask);
    // The producer of an empty slot is still to write there.
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

  /**
   * Puts the INTIDs in the order of a key, the lowest first, those of one key in the order in which they are. Positions from before
   * do not hold any more.
   */
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

  /** The private INTIDs that are listed, a bit each. */
  get privates(): number {
    return load(this.#words, this.#privates);
  }

  /** Whether an INTID has found no room in the ring; to be asked before {@link next}. Clears the mark. */
  takeSpilled(): boolean {
    if (load(this.#words, this.#tail + SPILLED) === 0) return false;
    store(this.#words, this.#tail + SPILLED, 0);
    return true;
  }

  /** Says that bits must be searched again. */
  spill(): void {
    // guard: bits-are-searched-on
    store(this.#words, this.#tail + SPILLED, 1);
  }

  /** The lowest listed INTID from `from` on, or -1: a search of the bits, for when the ring does not hold them all. */
  next(from: Intid): Intid {
    return this.#listed.next(from);
  }

  /** Whether an INTID may be on the list besides one that is alone: at most two loads of words that producers write. */
  get isFilled(): boolean {
    const { begin } = this;
    return load(this.#words, this.#tail + END) !== begin || load(this.#words, this.#tail + SPILLED) !== 0;
  }

  /** The INTID besides which nothing is on the list, and perhaps not even that: one load. {@link NOBODY} where none is noted. */
  get alone(): Intid {
    return load(this.#words, this.#alone) - 1;
  }

  /** The INTID that was taken last; one that comes again and again is kept, see {@link keepAlone}. */
  get lastTaken(): Intid {
    return peek(this.#words, this.#head + LAST) - 1;
  }

  noteTaken(intid: Intid): void {
    if (this.lastTaken !== intid) poke(this.#words, this.#head + LAST, intid + 1);
  }

  /**
   * Keeps an interrupt that was taken twice in a row on the list without its slot, if nothing else is listed. False if it keeps
   * the slot, and with it its place.
   */
  keepAlone(position: number, intid: Intid): boolean {
    // guard: lone-note-before-look
    store(this.#words, this.#alone, intid + 1);
    // guard: lone-interrupt-stands-alone
    if (this.#isOnly(position)) {
      this.drop(position, intid);
      return true;
    }
    // A producer that took the note away instead has given the interrupt another slot.
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

  /** The position after another one, which may have been dropped meanwhile with those behind it. */
  after(position: number): number {
    const { begin } = this;
    return ((begin - position) | 0) > 0 ? begin : (position + 1) | 0;
  }
}
