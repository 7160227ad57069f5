import type { VcpuId } from '../arch/intid.ts';
import { type Handle, NO_HANDLE, Slots, slotOf } from '../memory/slots.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import { Chains, type TableRegions } from './chains.ts';

/** The words of a collection's record. Slot 0's `born` counts the collections created so far. */
export const COLLECTION_WORDS = ['icid', 'next', 'target', 'born'] as const;
const STRIDE = COLLECTION_WORDS.length;
const TARGET = 2;
const BORN = 3;

/** The target of a collection that an event names but no MAPC has mapped. @see COLLECTION_NOT_MAPPED in KVM */
export const NOT_MAPPED = -1;

/**
 * The collections: ICID to redistributor. Callers hold the lock of the ITS.
 *
 * An event names its collection by handle. So when a collection has ended, a later collection of the same number does
 * not take over its events.
 */
export class Collections {
  readonly #words: Words;
  readonly #slots: Slots;
  readonly #chains: Chains;
  readonly #records: number;

  constructor(words: Words, regions: TableRegions, name: string) {
    this.#words = words;
    this.#slots = new Slots(words, regions.slots, name);
    this.#chains = new Chains(words, regions.buckets, regions.records, STRIDE);
    this.#records = regions.records.at;
  }

  init(): void {
    this.#slots.init();
    this.#chains.init();
    store(this.#words, this.#records + BORN, 0);
  }

  /** The handle of the collection `icid`, mapped or not; `NO_HANDLE` if there is none. */
  find(icid: number): Handle {
    const slot = this.#chains.find(icid);
    return slot === 0 ? NO_HANDLE : this.#slots.handleOf(slot);
  }

  /** Creates a collection with target `target`; `NO_HANDLE` where the table is full. */
  create(icid: number, target: VcpuId): Handle {
    const handle = this.#slots.tryTake();
    if (handle === NO_HANDLE) return handle;
    const at = this.#at(handle);
    store(this.#words, at + TARGET, target);
    store(this.#words, at + BORN, add(this.#words, this.#records + BORN, 1));
    this.#chains.insert(slotOf(handle), icid);
    return handle;
  }

  /** Ends a collection. The caller detaches the collection's events first. */
  remove(handle: Handle): void {
    this.#chains.remove(this.#slots.use(handle));
    this.#slots.retire(handle);
  }

  /** The vCPU that a collection targets, or {@link NOT_MAPPED}; `NOT_MAPPED` also for an ended collection. */
  targetOf(handle: Handle): VcpuId {
    return this.#slots.isLive(handle) ? load(this.#words, this.#at(handle) + TARGET) : NOT_MAPPED;
  }

  retarget(handle: Handle, target: VcpuId): void {
    store(this.#words, this.#at(handle) + TARGET, target);
  }

  icidOf(handle: Handle): number {
    return load(this.#words, this.#at(handle));
  }

  /** All collections, oldest first: the order in which KVM saves them. */
  list(): Handle[] {
    const handles: Handle[] = [];
    this.#chains.forEach((slot) => {
      handles.push(this.#slots.handleOf(slot));
    });
    const born = (handle: Handle) => load(this.#words, this.#at(handle) + BORN);
    return handles.sort((a, b) => born(a) - born(b));
  }

  #at(handle: Handle): number {
    return this.#records + this.#slots.use(handle) * STRIDE;
  }
}
