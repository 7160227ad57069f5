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
 * The level-triggered SPIs whose end is watched: so KVM learns that a device's wire must be resampled
 * (`kvm_notify_acked_irq`, the resampling irqfds).
 *
 * An SPI is `watch`ed. When its active state ends through EOIR or DIR, the ending thread notes it here and rings the
 * bell; that costs one load where the SPI is not watched. The thread that serves the acks calls `take` until it returns -1:
 * the thread that ended the interrupt, right after its EOI, or a thread that sleeps on the bell. Each note is taken by exactly
 * one caller; an SPI that is noted again before it was taken is taken once.
 *
 * No note is lost: it is set first and the flag after it; a taker clears the flag and then looks at the notes.
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

  /** Asks for the ends of an SPI; false if they were asked for already. */
  watch(intid: Intid): boolean {
    return this.#watched.set(intid);
  }

  unwatch(intid: Intid): boolean {
    return this.#watched.claim(intid);
  }

  /** Called for every SPI whose active state has ended, whatever its trigger. */
  isWatched(intid: Intid): boolean {
    return (load(this.#words, this.#watchedAt + (intid >>> 5)) & (1 << (intid & 31))) !== 0;
  }

  /** Notes that a watched, level-triggered SPI has ended. */
  note(intid: Intid): void {
    // guard: end-noted-before-flag
    this.#acked.set(intid);
    // guard: end-sets-flag
    store(this.#words, this.#flag, 1);
    this.bell.signal();
  }

  /** Whether there may be something to {@link take}: one load. */
  get any(): boolean {
    return load(this.#words, this.#flag) !== 0;
  }

  /** Takes one note: the INTID of the SPI, or -1 where there is none. */
  take(): Intid {
    if (exchange(this.#words, this.#flag, 0) === 0) return -1;
    for (let intid: Intid = this.#acked.next(FIRST_SPI); intid >= 0; intid = this.#acked.next(intid + 1)) {
      if (!this.#acked.claim(intid)) continue;
      // There may be more: the next call must look again.
      // guard: taker-leaves-flag-set
      store(this.#words, this.#flag, 1);
      return intid;
    }
    return -1;
  }
}
