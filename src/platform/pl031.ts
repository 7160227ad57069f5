import { type Layout, LINE, type Region } from '../memory/layout.ts';
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

export function pl031Region(layout: Layout): Region {
  return layout.region('rtc.registers', LINE);
}

/**
 * The real time clock: seconds since 1970, which run with the guest's own time. Its alarm is kept and never rings: Linux
 * uses it to wake from a sleep that this board does not have. Any thread.
 */
export class Pl031 implements WordFrame {
  readonly base = RTC.base;
  readonly bytes = RTC.bytes;
  readonly #words: Words;
  readonly #at: number;
  readonly #seconds: () => number;

  /** @param seconds - whole seconds since the guest was started, by its own clock */
  constructor(words: Words, region: Region, seconds: () => number) {
    this.#words = words;
    this.#at = region.at;
    this.#seconds = seconds;
  }

  /** @param now - what the clock shows at the start, seconds since 1970. Before any thread runs. */
  reset(now: number): void {
    store(this.#words, this.#at + OFFSET, now | 0);
    for (const word of [MATCH, LOADED, MASK]) store(this.#words, this.#at + word, 0);
  }

  readWord(offset: number): number {
    switch (offset) {
      case DR:
        return (load(this.#words, this.#at + OFFSET) + this.#seconds()) | 0;
      case MR:
        return load(this.#words, this.#at + MATCH);
      case LR:
        return load(this.#words, this.#at + LOADED);
      case CR:
        return 1;
      case IMSC:
        return load(this.#words, this.#at + MASK);
      case RIS:
      case MIS:
        return 0;
      default:
        return peripheralId('pl031', offset);
    }
  }

  writeWord(offset: number, value: number): void {
    if (offset === MR) store(this.#words, this.#at + MATCH, value);
    else if (offset === IMSC) store(this.#words, this.#at + MASK, value & 1);
    else if (offset === LR) {
      store(this.#words, this.#at + LOADED, value);
      store(this.#words, this.#at + OFFSET, (value - this.#seconds()) | 0);
    } else if (offset === ICR || offset === CR) return;
  }
}
