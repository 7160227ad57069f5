import { FIRST_SPI, type Intid } from '../arch/intid.ts';
import { Bitmap } from '../memory/bitmap.ts';
import { EVENT_COUNT, EventCount } from '../memory/event-count.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { exchange, load, store, type Words } from '../memory/word.ts';

const BITMAP_WORDS = 32;

export type LevelAckRegions = { readonly watched: Region; readonly acked: Region; readonly bell: Region };

/** Adds the regions of {@link LevelAcks} to a layout. */
export function levelAckRegions(layout: Layout): LevelAckRegions {
  return layout.group('ack', { watched: BITMAP_WORDS, acked: LINE + BITMAP_WORDS, bell: EVENT_COUNT });
}

/**
 * Notes the deactivation of watched level-triggered SPIs, so that resampling irqfds can resample the device's wire
 * (`kvm_notify_acked_irq`).
 *
 * Producer: the thread that ends a watched SPI by EOIR or DIR sets its bit in `acked`, then the flag, then rings the bell. An
 * unwatched SPI costs one load.
 * Consumer: calls `take` until -1; clears the flag, then reads the bits. Consumers are the thread that ended the interrupt, right
 * after its EOI, and a thread that sleeps on the bell. Exactly one caller takes each note; two notes of an SPI merge until taken.
 * No note is lost: a producer that sets a bit after the consumer's scan sets the flag again.
 * Any thread may call any method.
 */
export class LevelAcks {
  readonly #words: Words;
  readonly #watchedAt: number;
  readonly #flag: number;
  readonly #watched: Bitmap;
  readonly #acked: Bitmap;
  readonly bell: EventCount;

  constructor(words: Words, regions: LevelAckRegions) {
    this.#words = words;
    this.#watchedAt = regions.watched.at;
    this.#flag = regions.acked.at;
    this.#watched = new Bitmap(words, regions.watched);
    this.#acked = new Bitmap(words, { at: regions.acked.at + LINE, words: BITMAP_WORDS });
    this.bell = new EventCount(words, regions.bell);
  }

  /** Watches an SPI; false if it was watched already. */
  watch(intid: Intid): boolean {
    return this.#watched.set(intid);
  }

  unwatch(intid: Intid): boolean {
    return this.#watched.claim(intid);
  }

  /** Whether an SPI is watched. Every deactivation of an SPI calls this. */
  isWatched(intid: Intid): boolean {
    return (load(this.#words, this.#watchedAt + (intid >>> 5)) & (1 << (intid & 31))) !== 0;
  }

  /** Notes the deactivation of a watched level-triggered SPI. */
  note(intid: Intid): void {
    // guard: end-noted-before-flag
    this.#acked.set(intid);
    // guard: end-sets-flag
    store(this.#words, this.#flag, 1);
    this.bell.signal();
  }

  /** Whether {@link take} may have a note: one load. */
  get any(): boolean {
    return load(this.#words, this.#flag) !== 0;
  }

  /** Takes one note: the INTID of the SPI, or -1 if there is no note. */
  take(): Intid {
    if (exchange(this.#words, this.#flag, 0) === 0) return -1;
    for (let intid: Intid = this.#acked.next(FIRST_SPI); intid >= 0; intid = this.#acked.next(intid + 1)) {
      if (!this.#acked.claim(intid)) continue;
      // More bits may be set: the next call must scan again.
      // guard: taker-leaves-flag-set
      store(this.#words, this.#flag, 1);
      return intid;
    }
    return -1;
  }
}
