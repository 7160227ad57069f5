import type { DeviceId, EventId, Intid } from '../../arch/intid.ts';
import { MISS } from '../../its/events.ts';

/** Entries of the memory of translations, a power of two. */
const ENTRIES = 64;
const ENTRY_SHIFT = 2;
const SOURCE = 0;
const STAMP = 1;
const LPI = 2;
const ITS = 3;

/**
 * Facts that a thread has seen of its own injections, from which it guesses how the next injection goes. No other thread
 * sees them, and a thread that begins without them injects the same with a few more steps.
 *
 * A translation is kept under the epoch of its ITS's translation cache, and is good for as long as that epoch lasts, as
 * the cache itself is: a caller compares with the epoch that it reads within its reader section.
 */
export class Hints {
  /** Whether the last interrupt was pending already: so in a storm, where a look spares the cache line. */
  coalesces = false;
  /** The address that the last MSI went to, and the number of the ITS there. */
  doorbell = Number.NaN;
  doorbellIts = 0;
  readonly #entries = new Int32Array(ENTRIES << ENTRY_SHIFT);

  /** The LPI of an event under an epoch, or `MISS` where it is not known. Takes all 32 bits of both numbers. */
  lpiOf(its: number, deviceId: DeviceId, eventId: EventId, epoch: number): Intid {
    if (((deviceId | eventId) & ~0xffff) !== 0) return MISS;
    const at = entryOf(deviceId, eventId);
    const entries = this.#entries;
    // guard: hint-holds-for-epoch
    if (entries[at + STAMP] !== epoch || entries[at + SOURCE] !== sourceOf(deviceId, eventId)) return MISS;
    return entries[at + ITS] === its ? (entries[at + LPI] ?? MISS) : MISS;
  }

  /** Keeps the LPI of an event; both of its numbers have 16 bits. */
  keep(its: number, deviceId: DeviceId, eventId: EventId, epoch: number, lpi: Intid): void {
    const at = entryOf(deviceId, eventId);
    this.#entries[at + SOURCE] = sourceOf(deviceId, eventId);
    this.#entries[at + STAMP] = epoch;
    this.#entries[at + LPI] = lpi;
    this.#entries[at + ITS] = its;
  }

  /** As in a thread that has just begun. */
  clear(): void {
    this.coalesces = false;
    this.doorbell = Number.NaN;
    this.#entries.fill(0);
  }
}

function sourceOf(deviceId: DeviceId, eventId: EventId): number {
  return (deviceId << 16) | eventId;
}

/** DeviceIDs are mostly multiples of 8, and the events of each are counted from 0. */
function entryOf(deviceId: DeviceId, eventId: EventId): number {
  return (((deviceId << 1) + eventId) & (ENTRIES - 1)) << ENTRY_SHIFT;
}
