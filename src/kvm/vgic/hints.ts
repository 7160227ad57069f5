import type { DeviceId, EventId, Intid } from '../../arch/intid.ts';
import { MISS } from '../../its/events.ts';

/** Translations that a thread keeps, a power of two. */
const ENTRIES = 64;
const ENTRY_SHIFT = 2;
const SOURCE = 0;
const STAMP = 1;
const LPI = 2;
const ITS = 3;

/**
 * Observations of a thread on its own injections, used to guess the next one. No other thread sees them; a thread
 * without hints injects the same interrupts in a few more steps.
 *
 * A translation is kept under the epoch of its ITS's translation cache, and is valid while that epoch lasts, as the
 * cache itself is. The caller compares with the epoch that it reads inside its reader section.
 */
export class Hints {
  /** Whether the last interrupt was pending already, as in a storm, where a load first spares the cache line. */
  coalesces = false;
  /** The address of the last MSI, and the number of the ITS there. */
  doorbell = Number.NaN;
  doorbellIts = 0;
  readonly #entries = new Int32Array(ENTRIES << ENTRY_SHIFT);

  /** The LPI of an event under an epoch, or `MISS` if it is not kept. Takes all 32 bits of both numbers. */
  lpiOf(its: number, deviceId: DeviceId, eventId: EventId, epoch: number): Intid {
    if (((deviceId | eventId) & ~0xffff) !== 0) return MISS;
    const at = entryOf(deviceId, eventId);
    const entries = this.#entries;
    // guard: hint-holds-for-epoch
    if (entries[at + STAMP] !== epoch || entries[at + SOURCE] !== sourceOf(deviceId, eventId)) return MISS;
    return entries[at + ITS] === its ? (entries[at + LPI] ?? MISS) : MISS;
  }

  /** Keeps the LPI of an event; both numbers have 16 bits. */
  keep(its: number, deviceId: DeviceId, eventId: EventId, epoch: number, lpi: Intid): void {
    const at = entryOf(deviceId, eventId);
    this.#entries[at + SOURCE] = sourceOf(deviceId, eventId);
    this.#entries[at + STAMP] = epoch;
    this.#entries[at + LPI] = lpi;
    this.#entries[at + ITS] = its;
  }

  /** Resets the hints to those of a new thread. */
  clear(): void {
    this.coalesces = false;
    this.doorbell = Number.NaN;
    this.#entries.fill(0);
  }
}

function sourceOf(deviceId: DeviceId, eventId: EventId): number {
  return (deviceId << 16) | eventId;
}

/** Most DeviceIDs are multiples of 8, and the EventIDs of each count from 0. */
function entryOf(deviceId: DeviceId, eventId: EventId): number {
  return (((deviceId << 1) + eventId) & (ENTRIES - 1)) << ENTRY_SHIFT;
}
