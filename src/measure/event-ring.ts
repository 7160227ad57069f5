import { IrqError } from '../base/irq-error.ts';
import { LINE, type Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import { addCount, readCount } from './wide-count.ts';

/** The stages of an interrupt's way, in order. */
export const STAGE = {
  signal: 0,
  routed: 1,
  pending: 2,
  woken: 3,
  acknowledged: 4,
  handled: 5,
  ended: 6,
} as const;

/** One stamp as read from the ring. */
export type StageEvent = {
  /** The number of this thread's earlier stamps. */
  readonly position: number;
  /** One of `STAGE`, or a number of the caller's own below 2048. */
  readonly kind: number;
  /** The interrupt's source, 0 to 2^32 - 1. */
  readonly source: number;
  /** A sequence number of the source's signal, 0 to 2^32 - 1: ties the stages of one signal together. */
  readonly tag: number;
  /** Time on the machine's clock. */
  readonly ns: number;
};

/** The result of one reading of a ring. */
export type Reading = {
  readonly events: readonly StageEvent[];
  /** The position for the next reading. */
  readonly next: number;
  /** The number of stamps overwritten before the reading. */
  readonly lost: number;
};

const SLOT = 4;
const HALF = 2 ** 32;
/** Times below 2^53 have high halves below 2^21; the kind lies above. */
const KIND_SHIFT = 21;

/** Words of a ring of `capacity` stamps in the shared buffer. Zeroed words are an empty ring. */
export function eventRingWords(capacity: number): number {
  return LINE + capacity * SLOT;
}

/**
 * The last `capacity` stamps of one thread, in the shared buffer. That thread writes and never waits, so it overwrites
 * old stamps. Any thread reads at any time, and detects overwritten stamps.
 *
 * The head counts finished stamps; the writer moves it after the last word of a stamp. So before the writer touches the
 * slot of stamp `p` again, for stamp `p + capacity`, it has moved the head to `p + capacity`. A reader copies first and
 * loads the head afterwards: if any word of its copy is of a newer stamp, the head is at `p + capacity` or further, and
 * the reader drops the copy. (So the oldest slot never counts: the writer may be in it.)
 */
export class EventRing {
  readonly #words: Words;
  readonly #head: number;
  readonly #slots: number;
  readonly #mask: number;

  /** Binds a region of `eventRingWords(capacity)` words; the capacity is a power of two from 2 to 2^24. */
  constructor(words: Words, region: Region) {
    const capacity = (region.words - LINE) / SLOT;
    if (!(capacity >= 2 && capacity <= 2 ** 24) || (capacity & (capacity - 1)) !== 0) {
      throw new IrqError(
        'ERR_CONFIG',
        `an event ring holds a power of two of stamps, 2 to 2^24, not ${capacity}`,
      );
    }
    this.#words = words;
    this.#head = region.at;
    this.#slots = region.at + LINE;
    this.#mask = capacity - 1;
  }

  /** Stamps `kind` of `source`. Only the ring's own thread; no allocation. See {@link StageEvent} for the ranges. */
  record(kind: number, source: number, tag: number, ns: number): void {
    const words = this.#words;
    const slot = this.#slots + (load(words, this.#head) & this.#mask) * SLOT;
    store(words, slot, ns | 0);
    store(words, slot + 1, (kind << KIND_SHIFT) | (ns / HALF));
    store(words, slot + 2, source);
    store(words, slot + 3, tag);
    addCount(words, this.#head, this.#head + 1, 1);
  }

  /** The number of stamps ever made. Any thread. */
  get written(): number {
    return readCount(this.#words, this.#head, this.#head + 1);
  }

  /** Reads the stamps from position `from` on that are not overwritten, in order, at most `limit`. Any thread. */
  readFrom(from: number, limit = Number.POSITIVE_INFINITY): Reading {
    const capacity = this.#mask + 1;
    const head = this.written;
    const start = Math.min(head, Math.max(from, head - capacity + 1));
    const next = Math.min(head, start + limit);
    const copied: StageEvent[] = [];
    for (let position = start; position < next; position++) copied.push(this.#copy(position));
    const oldest = this.written - capacity + 1;
    const events = copied.filter((event) => event.position >= oldest);
    return { events, next, lost: next - Math.min(from, next) - events.length };
  }

  #copy(position: number): StageEvent {
    const slot = this.#slots + (position % (this.#mask + 1)) * SLOT;
    const low = load(this.#words, slot) >>> 0;
    const high = load(this.#words, slot + 1);
    return {
      position,
      kind: high >>> KIND_SHIFT,
      source: load(this.#words, slot + 2) >>> 0,
      tag: load(this.#words, slot + 3) >>> 0,
      ns: (high & ((1 << KIND_SHIFT) - 1)) * HALF + low,
    };
  }
}
