import type { DeviceId, EventId, Intid } from '../arch/intid.ts';
import type { Region, SizedKind } from '../memory/layout.ts';
import { type Handle, NO_HANDLE, Slots, slotOf } from '../memory/slots.ts';
import { load, replace, store, type Words } from '../memory/word.ts';
import { bucketOf, Chains, type TableRegions } from './chains.ts';
import type { Devices } from './devices.ts';

/** The words of an event that a translation reads: four a record, so a record never straddles two cache lines. */
export const EVENT_WORDS = ['key', 'next', 'lpi', 'stamp'] as const;
const STRIDE_SHIFT = 2;
const KEY = 0;
const NEXT = 1;
const LPI = 2;
const STAMP = 3;

/** The words of an event that only commands read. */
export const LINK_WORDS = ['collection', 'device', 'after', 'before'] as const;
const COLLECTION = 0;
const DEVICE = 1;
const AFTER = 2;
const BEFORE = 3;

/**
 * The epoch of the translation cache: moving the word empties the cache. Threads keep translations under epochs that
 * they have seen, so a machine that is restored from a snapshot needs an epoch that neither the machine nor the
 * snapshot had.
 */
export const EPOCH: SizedKind = { name: 'epoch', words: 1 };

/** Where the events of an ITS lie. */
export type EventRegions = {
  readonly events: TableRegions;
  /** The words that only commands read. */
  readonly links: Region;
  readonly epoch: Region;
};

/** Returned by {@link Events.lookup} where the translation is not cached. */
export const MISS = -1;

/** The slot of no event: slots count from 1. */
export const NO_EVENT = 0;

/**
 * The events (KVM: ITEs) that MAPTI and MAPI have mapped, by DeviceID and EventID, and the cache of their translations.
 *
 * **The cache is a stamp on the event.** A translation is cached if the event's stamp is the current epoch; moving the
 * epoch empties the cache in one step. A thread that stamps an event holds the lock, and has read the epoch **before**
 * its checks. If a checked word changes meanwhile, the invalidation follows the change, so the stamp is already stale
 * when the thread stores it. (An epoch repeats after 2^32 invalidations; an event would have to keep a stamp for as
 * long.)
 *
 * **Removal**: move the epoch, take the event out of its chain, wait for a grace period; only then may its LPI be
 * cleared and its slot reused. By then, every reader that found the event has set its latch.
 *
 * Any thread may call `lookup`, inside a reader section. Any thread may call `invalidate` at any time. All other
 * methods require the lock of the ITS.
 */
export class Events {
  readonly #words: Words;
  readonly #slots: Slots;
  readonly #chains: Chains;
  readonly #records: number;
  readonly #links: number;
  readonly #buckets: number;
  readonly #mask: number;
  readonly #shift: number;
  readonly #epoch: number;
  readonly #devices: Devices;

  constructor(words: Words, regions: EventRegions, devices: Devices, name: string) {
    this.#words = words;
    this.#slots = new Slots(words, regions.events.slots, name);
    this.#chains = new Chains(words, regions.events.buckets, regions.events.records, 1 << STRIDE_SHIFT);
    this.#records = regions.events.records.at;
    this.#links = regions.links.at;
    this.#buckets = regions.events.buckets.at;
    this.#mask = regions.events.buckets.words - 1;
    this.#shift = Math.clz32(this.#mask);
    this.#epoch = regions.epoch.at;
    this.#devices = devices;
  }

  init(): void {
    this.#slots.init();
    this.#chains.init();
    store(this.#words, this.#epoch, 1);
  }

  /** The LPI of a cached translation, or {@link MISS}. The hot path of an MSI: five loads where no keys collide. */
  lookup(deviceId: DeviceId, eventId: EventId): Intid {
    if (((deviceId | eventId) & ~0xffff) !== 0) return MISS;
    const words = this.#words;
    const key = (deviceId << 16) | eventId;
    let slot = load(words, this.#buckets + bucketOf(key, this.#shift, this.#mask));
    while (slot !== NO_EVENT) {
      const at = this.#records + (slot << STRIDE_SHIFT);
      if (load(words, at + KEY) === key)
        // guard: translation-holds-for-epoch
        return load(words, at + STAMP) === load(words, this.#epoch) ? load(words, at + LPI) : MISS;
      slot = load(words, at + NEXT);
    }
    return MISS;
  }

  /** Empties the translation cache. */
  invalidate(): void {
    const now = load(this.#words, this.#epoch);
    // Never 0, not even for a moment: 0 is the stamp of an event that was never cached, and lookups take no lock. If
    // another thread moves the epoch first, its move also follows our caller's change, and empties the cache for both.
    // guard: epoch-is-never-zero
    replace(this.#words, this.#epoch, now, now === -1 ? 1 : (now + 1) | 0);
  }

  /** The epoch for {@link cache}. Read it before the checks of a translation. */
  get epoch(): number {
    return load(this.#words, this.#epoch);
  }

  /** Caches the translation of an event whose checks were made after `epoch` was read. */
  cache(event: number, epoch: number): void {
    store(this.#words, this.#at(event) + STAMP, epoch);
  }

  /** The event, or {@link NO_EVENT}. Takes all 32 bits of both numbers; none is mapped past 16. */
  find(deviceId: DeviceId, eventId: EventId): number {
    if (((deviceId | eventId) & ~0xffff) !== 0) return NO_EVENT;
    return this.#chains.find((deviceId << 16) | eventId);
  }

  /** Maps an event, not yet cached; {@link NO_EVENT} where the table is full. */
  create(device: number, eventId: EventId, lpi: Intid, collection: Handle): number {
    const handle = this.#slots.tryTake();
    if (handle === NO_HANDLE) return NO_EVENT;
    const event = slotOf(handle);
    const at = this.#at(event);
    store(this.#words, at + LPI, lpi);
    store(this.#words, at + STAMP, 0);
    const link = this.#link(event);
    const head = this.#devices.firstEventAt(device);
    const first = load(this.#words, head);
    store(this.#words, link + COLLECTION, collection);
    store(this.#words, link + DEVICE, device);
    store(this.#words, link + AFTER, first);
    store(this.#words, link + BEFORE, NO_EVENT);
    if (first !== NO_EVENT) store(this.#words, this.#link(first) + BEFORE, event);
    store(this.#words, head, event);
    this.#chains.insert(event, (this.#devices.deviceIdOf(device) << 16) | eventId);
    return event;
  }

  /** Takes an event out of its chain and its device's list. A grace period must pass before {@link free}. */
  detach(event: number): void {
    this.#chains.remove(event);
    const link = this.#link(event);
    const after = load(this.#words, link + AFTER);
    const before = load(this.#words, link + BEFORE);
    if (after !== NO_EVENT) store(this.#words, this.#link(after) + BEFORE, before);
    if (before !== NO_EVENT) store(this.#words, this.#link(before) + AFTER, after);
    else store(this.#words, this.#devices.firstEventAt(load(this.#words, link + DEVICE)), after);
  }

  /** Frees the slot of a detached event. */
  free(event: number): void {
    this.#slots.retire(this.#slots.handleOf(event));
  }

  /** The LPI of an event; negative for a vLPI of a vPE (`virtualId`), whose translation is never cached. */
  lpiOf(event: number): Intid {
    return load(this.#words, this.#at(event) + LPI);
  }

  eventIdOf(event: number): EventId {
    return load(this.#words, this.#at(event) + KEY) & 0xffff;
  }

  /** The slot of the event's device. */
  deviceOf(event: number): number {
    return load(this.#words, this.#link(event) + DEVICE);
  }

  /** The handle of the event's collection; `NO_HANDLE`, for good, once that collection has ended. */
  collectionOf(event: number): Handle {
    return load(this.#words, this.#link(event) + COLLECTION) as Handle;
  }

  /** Gives an event that no thread can have cached another LPI: a vLPI of another vPE. */
  give(event: number, lpi: Intid): void {
    store(this.#words, this.#at(event) + LPI, lpi);
  }

  move(event: number, collection: Handle): void {
    store(this.#words, this.#link(event) + COLLECTION, collection);
  }

  /** Calls `visit` with every event of a device; `visit` may detach that event. */
  forEachOf(device: number, visit: (event: number) => void): void {
    let event = load(this.#words, this.#devices.firstEventAt(device));
    while (event !== NO_EVENT) {
      const after = load(this.#words, this.#link(event) + AFTER);
      visit(event);
      event = after;
    }
  }

  /** Calls `visit` with every event. */
  forEach(visit: (event: number) => void): void {
    this.#devices.forEach((device) => {
      this.forEachOf(device, visit);
    });
  }

  #at(event: number): number {
    return this.#records + (event << STRIDE_SHIFT);
  }

  #link(event: number): number {
    return this.#links + event * LINK_WORDS.length;
  }
}
