import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { WordFrame } from './bus.ts';
import { RTC } from './memory-map.ts';
import { peripheralId } from './primecell.ts';

/** Registers. @see Arm DDI 0224, PrimeCell Real Time Clock (PL031) */
const DR = 0x00;
const MR = 0x04;
const LR = 0x08;
const CR = 0x0c;
const IMSC = 0x10;
const RIS = 0x14;
const MIS = 0x18;
const ICR = 0x1c;

const OFFSET = 0;
const MATCH = 1;
const LOADED = 2;
const MASK = 3;
const RAISED = 4;
/** When the alarm rings: seconds since the guest's start. */
const DUE = 5;
/** No alarm is set. An alarm 136 years ahead counts as none. */
const NONE = 0xffff_ffff;

export type Pl031Regions = { readonly registers: Region; readonly lock: Region };

export function pl031Regions(layout: Layout): Pl031Regions {
  return { registers: layout.region('rtc.registers', LINE), lock: layout.place('rtc.lock', MUTEX) };
}

type Pl031Parts = {
  /** Whole seconds of the guest's time since its start. */
  readonly seconds: () => number;
  /** Drives the interrupt line. */
  readonly drive: (level: boolean) => void;
};

/**
 * The real time clock: seconds since 1970, which advance with the guest's time, and an alarm. The alarm does not ring by itself: the
 * thread that advances time calls {@link keepUp} when {@link due} has come. Any thread.
 */
export class Pl031 implements WordFrame {
  readonly base = RTC.base;
  readonly bytes = RTC.bytes;
  readonly #words: Words;
  readonly #at: number;
  readonly #lock: Mutex;
  readonly #parts: Pl031Parts;

  constructor(words: Words, regions: Pl031Regions, parts: Pl031Parts) {
    this.#words = words;
    this.#at = regions.registers.at;
    this.#lock = new Mutex(words, regions.lock, 'rtc.lock');
    this.#parts = parts;
  }

  /** Call before any thread runs. @param now - the clock's time at the start, seconds since 1970 */
  reset(now: number): void {
    this.#put(OFFSET, now | 0);
    for (const word of [MATCH, LOADED, MASK, RAISED]) this.#put(word, 0);
    this.#put(DUE, NONE);
  }

  /** When the alarm rings, seconds since the guest's start, or `Infinity`. */
  get due(): number {
    const due = this.#get(DUE) >>> 0;
    return due === NONE ? Number.POSITIVE_INFINITY : due;
  }

  /** Rings the alarm, if its time has come. */
  keepUp(): void {
    if (this.#parts.seconds() < this.due) return;
    this.#locked(() => {
      // Another thread may have rung the alarm first.
      if (this.#parts.seconds() < this.due) return;
      this.#put(DUE, NONE);
      this.#put(RAISED, 1);
      this.#driveLine();
    });
  }

  readWord(offset: number): number {
    this.keepUp();
    switch (offset) {
      case DR:
        return this.#shown();
      case MR:
        return this.#get(MATCH);
      case LR:
        return this.#get(LOADED);
      case CR:
        return 1;
      case IMSC:
        return this.#get(MASK);
      case RIS:
        return this.#get(RAISED);
      case MIS:
        return this.#get(RAISED) & this.#get(MASK);
      default:
        return peripheralId('pl031', offset);
    }
  }

  writeWord(offset: number, value: number): void {
    this.keepUp();
    this.#locked(() => {
      if (offset === MR) this.#put(MATCH, value);
      else if (offset === IMSC) this.#put(MASK, value & 1);
      else if (offset === ICR) this.#put(RAISED, this.#get(RAISED) & ~value);
      else if (offset === LR) {
        this.#put(LOADED, value);
        this.#put(OFFSET, (value - this.#parts.seconds()) | 0);
      }
      if (offset === MR || offset === LR) this.#setAlarm();
      this.#driveLine();
    });
    this.keepUp();
  }

  #shown(): number {
    return (this.#get(OFFSET) + this.#parts.seconds()) | 0;
  }

  /** Seconds until the clock equals the match; 0 if it does now. */
  #setAlarm(): void {
    const due = this.#parts.seconds() + ((this.#get(MATCH) - this.#shown()) >>> 0);
    this.#put(DUE, Math.min(due, NONE));
  }

  #driveLine(): void {
    this.#parts.drive((this.#get(RAISED) & this.#get(MASK)) !== 0);
  }

  #get(word: number): number {
    return load(this.#words, this.#at + word);
  }

  #put(word: number, value: number): void {
    store(this.#words, this.#at + word, value | 0);
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
