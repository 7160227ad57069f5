import { EventRing, eventRingWords } from '../../../measure/event-ring.ts';
import type { Layout, Region } from '../../../memory/layout.ts';
import type { Words } from '../../../memory/word.ts';

/** What the threads of a run do, as the slices of a trace have it. */
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
  // The driver: what userland does,
  'mask',
  'unmask',
  'masked',
  'remap',
  'route update',
  // what the guest has the ITS do, by the first of its commands, and a write to the distributor.
  'MOVI',
  'MAPTI',
  'DISCARD',
  'INV',
  'ITS commands',
  'GICD_IROUTER',
] as const;
export type SliceName = (typeof SLICES)[number];

/** A stretch of time in one thread. What the numbers mean depends on its name; 0 to 2^32 - 1. */
export type Slice = {
  readonly name: SliceName;
  readonly from: number;
  readonly to: number;
  /** A source of the plan, a DeviceID, or how many. */
  readonly subject: number;
  /** Which signal of the source, an EventID, a vCPU. */
  readonly which: number;
  readonly intid: number;
};

/** A slice is two stamps, one after the other: its beginning, and its end. */
const STAMPS = 2;
const END = SLICES.length;

/** Slices that a thread keeps at most, and all threads together. */
const MOST_KEPT = 8192;
const MOST_IN_ALL = 2 ** 19;

/** How many slices each of so many threads keeps: a power of two. */
export function slicesKept(threads: number): number {
  return Math.min(MOST_KEPT, 2 ** Math.floor(Math.log2(MOST_IN_ALL / threads)));
}

/** A ring for each thread that is to keep `kept` slices; none where that is 0. */
export function sliceRegions(layout: Layout, threads: number, kept: number): Region[] {
  const rings = kept === 0 ? 0 : threads;
  return Array.from({ length: rings }, (_, thread) =>
    layout.region(`thread${thread}.slices`, eventRingWords(STAMPS * kept)),
  );
}

/**
 * The last slices of time of one thread, in the shared buffer. The thread writes each when it has ended, and never waits;
 * who reads does so when it has come to rest.
 */
export class SliceRing {
  readonly #ring: EventRing;

  constructor(words: Words, region: Region) {
    this.#ring = new EventRing(words, region);
  }

  /**
   * Keeps a slice that has just ended. Only the thread that owns the ring; no allocation.
   * @param kind - place of its name in {@link SLICES}
   */
  record(kind: number, subject: number, which: number, intid: number, from: number, to: number): void {
    this.#ring.record(kind, subject, which, from);
    this.#ring.record(END, intid, 0, to);
  }

  /** What is still there, in the order of the ends; and how many slices were overwritten. */
  read(): { readonly slices: readonly Slice[]; readonly dropped: number } {
    const { events } = this.#ring.readFrom(0);
    const slices: Slice[] = [];
    for (let at = events[0]?.kind === END ? 1 : 0; at + 1 < events.length; at += STAMPS) {
      const [begin, end] = [events[at], events[at + 1]];
      const name = SLICES[begin?.kind ?? END];
      if (!begin || !end || !name) continue;
      slices.push({
        name,
        from: begin.ns,
        to: end.ns,
        subject: begin.source,
        which: begin.tag,
        intid: end.source,
      });
    }
    return { slices, dropped: this.#ring.written / STAMPS - slices.length };
  }
}

/** The number that a slice of that name has in a ring. */
export function kindOf(name: SliceName): number {
  return SLICES.indexOf(name);
}
