import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { WordFrame } from './bus.ts';
import { GPIO, POWER_KEY_PIN } from './memory-map.ts';
import { peripheralId } from './primecell.ts';

/** Registers; the data register has 256 addresses, whose bits 9:2 are the mask. @see Arm DDI 0190, PrimeCell GPIO (PL061) */
const DATA_END = 0x400;
const DIR = 0x400;
const IS = 0x404;
const IBE = 0x408;
const IEV = 0x40c;
const IE = 0x410;
const RIS = 0x414;
const MIS = 0x418;
const IC = 0x41c;
const AFSEL = 0x420;
const PINS = 0xff;

const KEPT: ReadonlyMap<number, number> = new Map([
  [DIR, 0],
  [IS, 1],
  [IBE, 2],
  [IEV, 3],
  [IE, 4],
  [AFSEL, 5],
]);
const DATA = 6;
const RAISED = 7;

export type Pl061Regions = { readonly registers: Region; readonly lock: Region };

export function pl061Regions(layout: Layout): Pl061Regions {
  return { registers: layout.region('gpio.registers', LINE), lock: layout.place('gpio.lock', MUTEX) };
}

/** Eight pins, one of which is the power key that a host presses to ask a guest to shut down. Any thread. */
export class Pl061 implements WordFrame {
  readonly base = GPIO.base;
  readonly bytes = GPIO.bytes;
  readonly #words: Words;
  readonly #at: number;
  readonly #lock: Mutex;
  readonly #drive: (level: boolean) => void;

  constructor(words: Words, regions: Pl061Regions, drive: (level: boolean) => void) {
    this.#words = words;
    this.#at = regions.registers.at;
    this.#lock = new Mutex(words, regions.lock, 'gpio.lock');
    this.#drive = drive;
  }

  /** Presses (true) or releases (false) the power key. */
  powerKey(pressed: boolean): void {
    this.#locked(() => this.#setData(1 << POWER_KEY_PIN, pressed ? PINS : 0));
  }

  readWord(offset: number): number {
    if (offset < DATA_END) return this.#get(DATA) & (offset >>> 2);
    const kept = KEPT.get(offset);
    if (kept !== undefined) return this.#get(kept);
    if (offset === RIS) return this.#raised();
    if (offset === MIS) return this.#raised() & this.#get(KEPT.get(IE) ?? 0);
    return peripheralId('pl061', offset);
  }

  writeWord(offset: number, value: number): void {
    this.#locked(() => {
      const kept = KEPT.get(offset);
      if (offset < DATA_END) this.#setData((offset >>> 2) & this.#get(0), value);
      else if (kept !== undefined) this.#put(kept, value & PINS);
      else if (offset === IC) this.#put(RAISED, this.#get(RAISED) & ~value);
      this.#drive((this.#raised() & this.#get(4)) !== 0);
    });
  }

  /** Raw interrupt status: latched edges and active levels. */
  #raised(): number {
    const levels = this.#get(1) & ~(this.#get(DATA) ^ this.#get(3));
    return (this.#get(RAISED) | levels) & PINS;
  }

  #setData(mask: number, value: number): void {
    const before = this.#get(DATA);
    const after = (before & ~mask) | (value & mask);
    const changed = before ^ after;
    // Both edges, or the edge that IEV selects. Level-sensitive pins latch nothing.
    const edges = changed & ~this.#get(1) & (this.#get(2) | ~(after ^ this.#get(3)));
    this.#put(DATA, after);
    this.#put(RAISED, this.#get(RAISED) | edges);
    this.#drive((this.#raised() & this.#get(4)) !== 0);
  }

  #get(word: number): number {
    return load(this.#words, this.#at + word);
  }

  #put(word: number, value: number): void {
    store(this.#words, this.#at + word, value);
  }

  #locked(act: () => void): void {
    this.#lock.lock();
    try {
      act();
    } finally {
      this.#lock.unlock();
    }
  }
}
