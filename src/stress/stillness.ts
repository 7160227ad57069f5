import { EVENT_COUNT, EventCount } from '../memory/event-count.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';

// Written by the driver.
const WANTED = 0;
const PHASES = 1;
const LONGEST_US = 2;
const BOUND_US = 3;
const RIPE = 4;

export type StillRegions = {
  readonly driver: Region;
  /** A line for each device: whether it keeps still. */
  readonly devices: Region;
  readonly bell: Region;
};

export function stillRegions(layout: Layout, devices: number): StillRegions {
  return layout.group('still', { driver: LINE, devices: devices * LINE, bell: EVENT_COUNT });
}

/**
 * The phases in which all devices and the driver keep still. The driver or a device asks for a phase. Each device ends its
 * burst, waits until its signals are handled, and then sleeps here until the driver ends the phase. A view of shared words.
 */
export class Stillness {
  readonly #words: Words;
  readonly #driver: number;
  readonly #devices: number;
  readonly #count: number;
  readonly #bell: EventCount;

  constructor(words: Words, { driver, devices, bell }: StillRegions) {
    this.#words = words;
    this.#driver = driver.at;
    this.#devices = devices.at;
    this.#count = devices.words / LINE;
    this.#bell = new EventCount(words, bell);
  }

  /** Whether devices are to keep still. Any thread. */
  get isWanted(): boolean {
    return load(this.#words, this.#driver + WANTED) !== 0;
  }

  /** Whether the last phase is long enough ago for another one, so that signals have most of the time. Any thread. */
  get isRipe(): boolean {
    return load(this.#words, this.#driver + RIPE) !== 0;
  }

  /** Asks for a phase. The driver begins a phase soon, and ends the phase. Any thread. */
  begin(): void {
    store(this.#words, this.#driver + WANTED, 1);
  }

  // ---- the driver's thread

  /** Says that a phase may be asked for from here on. */
  ripen(): void {
    if (!this.isRipe) store(this.#words, this.#driver + RIPE, 1);
  }

  /** Lets the devices go on. */
  end(tookMs: number, boundMs: number): void {
    const words = this.#words;
    const us = Math.round(1000 * tookMs);
    store(words, this.#driver + PHASES, load(words, this.#driver + PHASES) + 1);
    if (us > load(words, this.#driver + LONGEST_US)) store(words, this.#driver + LONGEST_US, us);
    store(words, this.#driver + BOUND_US, Math.round(1000 * boundMs));
    store(words, this.#driver + RIPE, 0);
    store(words, this.#driver + WANTED, 0);
    this.#bell.signal();
  }

  /** Whether every device keeps still, or has ended. */
  get isReached(): boolean {
    for (let device = 0; device < this.#count; device++)
      if (load(this.#words, this.#devices + device * LINE) === 0) return false;
    return true;
  }

  // ---- a device's thread

  /** Sleeps until the driver lets the device go on, at most for `timeoutMs`. */
  wait(device: number, timeoutMs: number): void {
    this.keep(device, true);
    const ticket = this.#bell.announce();
    if (this.isWanted) this.#bell.park(ticket, timeoutMs);
    else this.#bell.withdraw();
    if (!this.isWanted) this.keep(device, false);
  }

  /** Says whether a device keeps still; a device that has ended does for good. */
  keep(device: number, still: boolean): void {
    store(this.#words, this.#devices + device * LINE, still ? 1 : 0);
  }

  // ---- any thread

  get figures(): { phases: number; longestMs: number; boundMs: number } {
    const read = (field: number) => load(this.#words, this.#driver + field);
    return { phases: read(PHASES), longestMs: read(LONGEST_US) / 1000, boundMs: read(BOUND_US) / 1000 };
  }
}
