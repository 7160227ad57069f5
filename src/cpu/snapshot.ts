import { STATE_BYTES } from './core/block.ts';
import type { Core } from './core.ts';

const PAGE_BYTES = 4096;

/** Where a guest's memory lies in the shared buffer: byte offsets and bytes, all multiples of 4 KiB but the last two. */
export type SnapshotPlaces = {
  readonly ramAt: number;
  readonly ramSize: number;
  /** Byte offset of each vCPU's block. */
  readonly blocksAt: readonly number[];
  /** A byte for each page of RAM, as the cores were given it (`CoreParts.dirtyPagesAt`). */
  readonly dirtyPagesAt: number;
};

/**
 * The state of cores and their RAM at one moment, to which they can return again and again. A return copies the pages that
 * were written since, so it costs what the run between has dirtied, not what the guest has.
 *
 * The cores note by themselves which pages they write. Other writers of guest memory (devices, the ITS) say so with
 * {@link touched}. No core runs while a method runs.
 */
export class CoreSnapshot {
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #places: SnapshotPlaces;
  readonly #cores: readonly Core[];
  readonly #ram: Uint8Array;
  readonly #blocks: readonly Uint8Array[];
  /** A byte for each page of RAM; a Buffer, because its search is thirty times as fast as that of a shared array. */
  readonly #dirty: Buffer;

  /** Takes the snapshot. @param cores - those of `places.blocksAt`, as this thread runs them */
  constructor(buffer: SharedArrayBuffer, places: SnapshotPlaces, cores: readonly Core[]) {
    this.#bytes = new Uint8Array(buffer);
    this.#places = places;
    this.#cores = cores;
    const { ramAt, ramSize, blocksAt, dirtyPagesAt } = places;
    this.#dirty = Buffer.from(buffer, dirtyPagesAt, ramSize / PAGE_BYTES).fill(0);
    this.#ram = this.#bytes.slice(ramAt, ramAt + ramSize);
    this.#blocks = blocksAt.map((at) => this.#bytes.slice(at, at + STATE_BYTES));
    this.#watch();
  }

  /** Says that a range of RAM was written from outside of the cores. @param offset - bytes from RAM's start */
  touched(offset: number, bytes: number): void {
    const last = Math.floor((offset + bytes - 1) / PAGE_BYTES);
    this.#dirty.fill(1, Math.floor(offset / PAGE_BYTES), last + 1);
  }

  /** Puts everything back; returns how many pages it took. */
  restore(): number {
    const { ramAt, blocksAt } = this.#places;
    const dirty = this.#dirty;
    let pages = 0;
    for (let page = dirty.indexOf(1); page >= 0; page = dirty.indexOf(1, page + 1)) {
      const from = page * PAGE_BYTES;
      this.#bytes.set(this.#ram.subarray(from, from + PAGE_BYTES), ramAt + from);
      dirty[page] = 0;
      pages++;
    }
    for (const [index, state] of this.#blocks.entries()) this.#bytes.set(state, blocksAt[index] ?? 0);
    this.#watch();
    return pages;
  }

  /** From here on the first write of each page is noted. */
  #watch(): void {
    for (const core of this.#cores) {
      core.protectPages();
      core.restored();
    }
  }
}
