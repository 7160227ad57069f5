import { STATE_BYTES } from './core/block.ts';
import type { Core } from './core.ts';

const PAGE_BYTES = 4096;

/** Places of a guest's memory in the shared buffer: byte offsets and bytes, all multiples of 4 KiB except the last two. */
export type SnapshotPlaces = {
  readonly ramAt: number;
  readonly ramSize: number;
  /** Byte offset of each vCPU's block. */
  readonly blocksAt: readonly number[];
  /** A byte for each page of RAM: the cores' `CoreParts.dirtyPagesAt`. */
  readonly dirtyPagesAt: number;
};

/**
 * A snapshot of cores and their RAM, which can be restored any number of times. A restore copies only the pages written since, so its
 * cost depends on the pages that the run has dirtied, not on the size of RAM.
 *
 * Cores mark the pages that they write. Other writers of guest memory (devices, the ITS) call {@link touched}. No core may run while a
 * method runs.
 */
export class CoreSnapshot {
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #places: SnapshotPlaces;
  readonly #cores: readonly Core[];
  readonly #ram: Uint8Array;
  readonly #blocks: readonly Uint8Array[];

  /** Takes the snapshot. @param cores - this thread's views of the blocks in `places.blocksAt` */
  constructor(buffer: SharedArrayBuffer, places: SnapshotPlaces, cores: readonly Core[]) {
    this.#bytes = new Uint8Array(buffer);
    this.#places = places;
    this.#cores = cores;
    const { ramAt, ramSize, blocksAt } = places;
    this.#ram = this.#bytes.slice(ramAt, ramAt + ramSize);
    this.#blocks = blocksAt.map((at) => this.#bytes.slice(at, at + STATE_BYTES));
    this.#watch();
  }

  /** Marks a range of RAM written by another writer than a core. @param offset - bytes from RAM's start */
  touched(offset: number, bytes: number): void {
    const { dirtyPagesAt } = this.#places;
    const last = Math.floor((offset + bytes - 1) / PAGE_BYTES);
    this.#bytes.fill(1, dirtyPagesAt + Math.floor(offset / PAGE_BYTES), dirtyPagesAt + last + 1);
  }

  /** Restores the snapshot. Returns the number of copied pages. */
  restore(): number {
    const { ramAt, ramSize, blocksAt, dirtyPagesAt } = this.#places;
    const dirty = this.#bytes.subarray(dirtyPagesAt, dirtyPagesAt + ramSize / PAGE_BYTES);
    let pages = 0;
    for (let page = dirty.indexOf(1); page >= 0; page = dirty.indexOf(1, page + 1)) {
      const from = page * PAGE_BYTES;
      this.#bytes.set(this.#ram.subarray(from, from + PAGE_BYTES), ramAt + from);
      pages++;
    }
    for (const [index, state] of this.#blocks.entries()) this.#bytes.set(state, blocksAt[index] ?? 0);
    this.#watch();
    return pages;
  }

  /** Clears the dirty bytes, and makes the next write to each page set its byte. */
  #watch(): void {
    const { dirtyPagesAt, ramSize } = this.#places;
    this.#bytes.fill(0, dirtyPagesAt, dirtyPagesAt + ramSize / PAGE_BYTES);
    for (const core of this.#cores) {
      core.protectPages();
      core.restored();
    }
  }
}
