import type { Intid } from '../../arch/intid.ts';
import { addCount, readCount } from '../../measure/wide-count.ts';
import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { peek, poke, type Words } from '../../memory/word.ts';

/** The actions of a run's threads, under the names of the slices of a trace. */
export const SLICES = [
  // A device: rounds of signals, each round with its wait.
  'burst',
  'pings',
  'signal',
  'wait',
  // A vCPU: a handler; a source that a handler saw; nothing to do, with and without sleep.
  'handler',
  'saw',
  'parked',
  'polled',
  // The main thread.
  'dispatch',
  // The driver: the changes that userland makes,
  'mask',
  'unmask',
  'masked',
  'remap',
  'route update',
  // the commands that the guest gives the ITS, by the first of them, and a write to the distributor.
  'MOVI',
  'MAPTI',
  'DISCARD',
  'INV',
  'ITS commands',
  'GICD_IROUTER',
  // The moment in which a thread found, or the main thread noticed, that a promise was broken.
  'violation',
] as const;
export type SliceName = (typeof SLICES)[number];

/** A stretch of time in one thread. The name gives the numbers their meaning; 0 to 2^32 - 1. */
export type Slice = {
  readonly name: SliceName;
  readonly from: number;
  readonly to: number;
  /** A source of the plan, a DeviceID, or how many. */
  readonly subject: number;
  /** Which signal of the source, an EventID, a vCPU. */
  readonly which: number;
  readonly intid: Intid;
};

/** Beside the count: the slices since a violation was found. */
const AFTER = 2;

// The words of a slice.
const KIND = 0;
const SUBJECT = 1;
const WHICH = 2;
const INTID = 3;
const FROM = 4; // two words
const TO = 6; // two words
const SLICE_WORDS = 8;

const HALF = 2 ** 32;

/** Slices that a thread keeps at most, and all threads together. */
const MOST_KEPT = 8192;
const MOST_IN_ALL = 2 ** 19; // 16 MiB

/** How many slices each of so many threads keeps: a power of two. */
export function slicesKept(threads: number): number {
  return Math.min(MOST_KEPT, 2 ** Math.floor(Math.log2(MOST_IN_ALL / threads)));
}

/** A ring for each thread that is to keep `kept` slices; none where that is 0. */
export function sliceRegions(layout: Layout, threads: number, kept: number): Region[] {
  const rings = kept === 0 ? 0 : threads;
  return Array.from({ length: rings }, (_, thread) =>
    layout.region(`thread${thread}.slices`, LINE + kept * SLICE_WORDS),
  );
}

/** Of a ring, this share is still written when a violation has been found: the slices from before the violation stay. */
const AFTERWARDS = 1 / 4;

/**
 * The last slices of time of one thread, in the shared buffer. The thread writes each slice when the slice has ended, and
 * never waits. The slices are plain words: the count, which moves after them, hands the slices to a reader when the thread
 * has come to rest. Not for reading earlier: the event ring of `measure` is for that, and costs several times as much.
 */
export class SliceRing {
  readonly #words: Words;
  readonly #count: number;
  readonly #slots: number;
  readonly #kept: number;
  readonly #violatedAt: number;

  /**
   * Binds one of the {@link sliceRegions}.
   * @param violatedAt - the word that is not 0 once a promise was broken; left out: the ring never comes to an end
   */
  constructor(words: Words, region: Region, violatedAt = -1) {
    this.#words = words;
    this.#count = region.at;
    this.#slots = region.at + LINE;
    this.#kept = (region.words - LINE) / SLICE_WORDS;
    this.#violatedAt = violatedAt;
  }

  /** As {@link recordAlways}; but after a violation only as long as the moment of that stays in the ring. */
  record(kind: number, subject: number, which: number, intid: Intid, from: number, to: number): void {
    if (this.#violatedAt >= 0 && peek(this.#words, this.#violatedAt) !== 0) {
      const after = peek(this.#words, this.#count + AFTER);
      if (after >= this.#kept * AFTERWARDS) return;
      poke(this.#words, this.#count + AFTER, after + 1);
    }
    this.recordAlways(kind, subject, which, intid, from, to);
  }

  /**
   * Keeps a slice that has just ended. Only the thread that owns the ring; no allocation.
   * @param kind - place of its name in {@link SLICES}
   */
  recordAlways(kind: number, subject: number, which: number, intid: Intid, from: number, to: number): void {
    const words = this.#words;
    const at = this.#slots + (peek(words, this.#count) & (this.#kept - 1)) * SLICE_WORDS;
    poke(words, at + KIND, kind);
    poke(words, at + SUBJECT, subject);
    poke(words, at + WHICH, which);
    poke(words, at + INTID, intid);
    poke(words, at + FROM, from | 0);
    poke(words, at + FROM + 1, from / HALF);
    poke(words, at + TO, to | 0);
    poke(words, at + TO + 1, to / HALF);
    addCount(words, this.#count, this.#count + 1, 1);
  }

  /** Whether the ring has come to its end after a violation. */
  get hasEnded(): boolean {
    return peek(this.#words, this.#count + AFTER) >= this.#kept * AFTERWARDS;
  }

  /**
   * The slices that the ring still holds, in the order of their ends; and how many slices were overwritten. When the thread
   * is at rest.
   */
  read(): { readonly slices: readonly Slice[]; readonly dropped: number } {
    const written = readCount(this.#words, this.#count, this.#count + 1);
    const dropped = Math.max(0, written - this.#kept);
    const slices: Slice[] = [];
    for (let index = dropped; index < written; index++) {
      const at = this.#slots + (index % this.#kept) * SLICE_WORDS;
      const word = (field: number) => peek(this.#words, at + field) >>> 0;
      const time = (field: number) => word(field + 1) * HALF + word(field);
      const name = SLICES[word(KIND)];
      if (!name) throw new RangeError(`slice ${index} is of no kind: ${word(KIND)}`);
      slices.push({
        name,
        from: time(FROM),
        to: time(TO),
        subject: word(SUBJECT),
        which: word(WHICH),
        intid: word(INTID),
      });
    }
    return { slices, dropped };
  }
}

/** The number that a slice of that name has in a ring. */
export function kindOf(name: SliceName): number {
  return SLICES.indexOf(name);
}
