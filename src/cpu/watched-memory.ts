const GRANULE_BITS = 3;
const PAGE_BITS = 12;
const FILTER_BITS = 0x1_0000;

/** Bytes of the filter, after a byte for each page: a bit for each of 65,536 values of an address's hash. */
export const FILTER_BYTES = FILTER_BITS / 8;

/**
 * The watched guest memory, in granules of 8 bytes. A core's run ends after an instruction that accesses a watched granule, or a granule
 * with the same hash; {@link Core.takeSeen} returns the accesses. After a change, call `restored` of each core. No core may run during a
 * change.
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
