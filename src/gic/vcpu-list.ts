import { FIRST_LPI } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { SummaryBitmap, summaryBitmapWords } from '../memory/summary-bitmap.ts';
import { load, store, type Words } from '../memory/word.ts';

export type VcpuListRegions = {
  /** A {@link SummaryBitmap} of INTIDs. */
  readonly listed: Region;
  /** One word: the LPI that is alone on the list, or {@link NOBODY}. */
  readonly alone: Region;
};

/** Adds the regions of a vCPU's list to a layout. @param idLimit - one past the highest INTID */
export function vcpuListRegions(layout: Layout, vcpu: number, idLimit: number): VcpuListRegions {
  return layout.group(`vcpu${vcpu}`, { listed: summaryBitmapWords(idLimit), alone: 1 });
}

/** No LPI has this number. */
const NOBODY = 0;

/**
 * The INTIDs that one vCPU should look at. Many threads add to it; its vCPU, the consumer, searches and claims.
 *
 * **Alone.** An LPI that comes again and again stays on the list, and each time the list would be searched for what else
 * there is. Instead its consumer notes that this LPI is alone, and whoever adds another INTID takes the note away: as
 * long as it stands, one word says what a search would. The note is written **before** the search that makes it true, and
 * taken away **after** the INTID was added: an INTID that comes in between is found by that search, or takes the note
 * away. A note that was taken away without need costs a search.
 */
export class VcpuList {
  readonly #words: Words;
  readonly #listed: SummaryBitmap;
  readonly #alone: number;

  constructor(words: Words, regions: VcpuListRegions, idLimit: number) {
    this.#words = words;
    this.#listed = new SummaryBitmap(words, regions.listed, idLimit);
    this.#alone = regions.alone.at;
  }

  /** Adds `intid`. When it returns, the consumer finds it. Any thread. */
  set(intid: number): void {
    this.#listed.set(intid);
    const alone = load(this.#words, this.#alone);
    if (alone !== NOBODY && alone !== intid) store(this.#words, this.#alone, NOBODY);
  }

  /** Removes `intid`; true for exactly one of any number of racing callers. */
  claim(intid: number): boolean {
    return this.#listed.claim(intid);
  }

  has(intid: number): boolean {
    return this.#listed.has(intid);
  }

  /** The lowest INTID from `from` on, or -1 where there is none. The consumer only. @param except - one that does not count */
  next(from: number, except?: number): number {
    return this.#listed.next(from, except);
  }

  /** Whether nothing but `intid` is on the list, and perhaps not even that: one load. False where nobody has noted it. */
  isAlone(intid: number): boolean {
    return intid >= FIRST_LPI && load(this.#words, this.#alone) === intid;
  }

  /** Whether nothing but an LPI is on the list, by a search; if so, it is noted. The consumer only. */
  standsAlone(lpi: number): boolean {
    store(this.#words, this.#alone, lpi);
    if (this.#listed.next(0, lpi) < 0) return true;
    store(this.#words, this.#alone, NOBODY);
    return false;
  }
}
