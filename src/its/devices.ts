import type { DeviceId } from '../arch/intid.ts';
import { NO_HANDLE, Slots, slotOf } from '../memory/slots.ts';
import { load, store, type Words } from '../memory/word.ts';
import { Chains, type TableRegions } from './chains.ts';

/** The words of a device's record; `firstEvent` heads the list of its events. */
export const DEVICE_WORDS = ['deviceId', 'next', 'bits', 'ittLow', 'ittHigh', 'firstEvent'] as const;
const STRIDE = DEVICE_WORDS.length;
const BITS = 2;
const ITT_LOW = 3;
const ITT_HIGH = 4;
const FIRST_EVENT = 5;

/** The slot of no device: slots count from 1. */
export const NO_DEVICE = 0;

/** The devices that MAPD has mapped. Callers hold the lock of the ITS. */
export class Devices {
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
  }

  /** The slot of a device, or {@link NO_DEVICE}. Takes all 32 bits of a DeviceID. */
  find(deviceId: DeviceId): number {
    return this.#chains.find(deviceId | 0);
  }

  /** Creates a device with 2^bits events; {@link NO_DEVICE} where the table is full. */
  create(deviceId: DeviceId, bits: number, ittAddr: number): number {
    const handle = this.#slots.tryTake();
    if (handle === NO_HANDLE) return NO_DEVICE;
    const slot = slotOf(handle);
    const at = this.#at(slot);
    store(this.#words, at + BITS, bits);
    store(this.#words, at + ITT_LOW, ittAddr | 0);
    store(this.#words, at + ITT_HIGH, Math.floor(ittAddr / 2 ** 32));
    store(this.#words, at + FIRST_EVENT, 0);
    this.#chains.insert(slot, deviceId);
    return slot;
  }

  /** Ends a device without events. */
  remove(slot: number): void {
    this.#chains.remove(slot);
    this.#slots.retire(this.#slots.handleOf(slot));
  }

  deviceIdOf(slot: number): DeviceId {
    return load(this.#words, this.#at(slot));
  }

  /** EventID bits, 1 to 16. */
  bitsOf(slot: number): number {
    return load(this.#words, this.#at(slot) + BITS);
  }

  /** Guest-physical address of the ITT, a multiple of 256. */
  ittOf(slot: number): number {
    const at = this.#at(slot);
    return load(this.#words, at + ITT_HIGH) * 2 ** 32 + (load(this.#words, at + ITT_LOW) >>> 0);
  }

  /** The offset of the head of the device's list of events. */
  firstEventAt(slot: number): number {
    return this.#at(slot) + FIRST_EVENT;
  }

  /** Calls `visit` with every device; `visit` may remove that device. */
  forEach(visit: (slot: number) => void): void {
    this.#chains.forEach(visit);
  }

  #at(slot: number): number {
    return this.#records + slot * STRIDE;
  }
}
