const GRANULE_BITS = 3;
const PAGE_BITS = 12;
const FILTER_BITS = 0x1_0000;

/** Bytes that watching takes beside a byte for each page: a bit for each of 65,536 values of an address's hash. */
export const FILTER_BYTES = FILTER_BITS / 8;

/**
 * Which guest memory is watched: a core's run ends behind an instruction that accesses it, with {@link Core.takeSeen} saying
 * what it was. Granules of 8 bytes; another granule that shares the hash of a watched one may end a run too. After a change
 * each core wants `restored`. No core runs meanwhile.
 */
export class WatchedMemory {
  readonly #pages: Uint8Array<SharedArrayBuffer>;
  readonly #filter: Uint8Array<SharedArrayBuffer>;

  /** @param at - `CoreParts.watchAt` */
  constructor(buffer: SharedArrayBuffer, at: number, ramSize: number) {
    const pages = ramSize >>> PAGE_BITS;
    this.#pages = new Uint8Array(buffer, at, pages);
    this.#filter = new Uint8Array(buffer, at + pages, FILTER_BYTES);
  }

  none(): void {
    this.#pages.fill(0);
    this.#filter.fill(0);
  }

  everything(): void {
    this.#pages.fill(1);
    this.#filter.fill(0xff);
  }

  /** @param offset - bytes from RAM's start */
  add(offset: number): void {
    const granule = offset >>> GRANULE_BITS;
    const bit = (granule ^ (granule >>> 16)) & (FILTER_BITS - 1);
    this.#pages[offset >>> PAGE_BITS] = 1;
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }
}
