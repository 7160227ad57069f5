import type { Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';

/** First words of every record in a chain: its key, then the slot of the next record in the chain. */
const KEY = 0;
const NEXT = 1;

/** A table of one kind of record: its slots, the buckets of its index, and the records, slot 0 unused. */
export type TableRegions = { readonly slots: Region; readonly buckets: Region; readonly records: Region };

/** Buckets of an index over `count` records: a power of two, at least twice `count`. */
export function bucketsFor(count: number): number {
  return 2 ** Math.max(5, 1 + Math.ceil(Math.log2(count)));
}

/**
 * The bucket of a key. Keys with the same upper half, such as the events of a device, fill consecutive buckets, and
 * these rows start at places spread evenly over all buckets (Fibonacci hashing). The upper half is first rotated by
 * three bits: most DeviceIDs are multiples of 8 (function 0 of a PCI slot), and their rows would start in clusters.
 * @param shift - 32 less the bits of `mask`
 */
export function bucketOf(key: number, shift: number, mask: number): number {
  const row = (key >>> 19) | ((key >>> 3) & 0xe000);
  return ((Math.imul(row, 0x9e37_79b1) >>> shift) + key) & mask;
}

/**
 * An index from a 32-bit key to a slot: buckets with chains of records. One thread at a time changes the index; other
 * threads may walk a chain meanwhile, inside a reader section.
 *
 * A reader never meets half a record: an insertion fills the record and then publishes the record with one store. A
 * reader that stands on a removed record walks on, because the record keeps its link. So the slot must not be used
 * again before a grace period has passed.
 */
export class Chains {
  readonly #words: Words;
  readonly #buckets: number;
  readonly #mask: number;
  readonly #shift: number;
  readonly #records: number;
  readonly #stride: number;

  /** @param records - the records, slot 0 unused; a record's first two words are the key and the link */
  constructor(words: Words, buckets: Region, records: Region, stride: number) {
    this.#words = words;
    this.#buckets = buckets.at;
    this.#mask = buckets.words - 1;
    this.#shift = Math.clz32(this.#mask);
    this.#records = records.at;
    this.#stride = stride;
  }

  /** The slot of the record with that key, or 0. */
  find(key: number): number {
    let slot = load(this.#words, this.#bucket(key));
    while (slot !== 0 && load(this.#words, this.#at(slot) + KEY) !== key) slot = this.#next(slot);
    return slot;
  }

  /** Adds a record whose other words are filled already. */
  insert(slot: number, key: number): void {
    const bucket = this.#bucket(key);
    store(this.#words, this.#at(slot) + KEY, key);
    store(this.#words, this.#at(slot) + NEXT, load(this.#words, bucket));
    store(this.#words, bucket, slot);
  }

  /** Takes a record out of its chain. The record keeps its own link. */
  remove(slot: number): void {
    let link = this.#bucket(load(this.#words, this.#at(slot) + KEY));
    for (let other = load(this.#words, link); other !== 0; other = load(this.#words, link)) {
      if (other === slot) {
        store(this.#words, link, this.#next(slot));
        return;
      }
      link = this.#at(other) + NEXT;
    }
  }

  /** Calls `visit` with the slot of every record; `visit` may remove that record. */
  forEach(visit: (slot: number) => void): void {
    for (let bucket = 0; bucket <= this.#mask; bucket++) {
      let slot = load(this.#words, this.#buckets + bucket);
      while (slot !== 0) {
        const next = this.#next(slot);
        visit(slot);
        slot = next;
      }
    }
  }

  /** Forgets all records at once. No thread may be walking a chain. */
  init(): void {
    for (let bucket = 0; bucket <= this.#mask; bucket++) store(this.#words, this.#buckets + bucket, 0);
  }

  #bucket(key: number): number {
    return this.#buckets + bucketOf(key, this.#shift, this.#mask);
  }

  #at(slot: number): number {
    return this.#records + slot * this.#stride;
  }

  #next(slot: number): number {
    return load(this.#words, this.#at(slot) + NEXT);
  }
}
