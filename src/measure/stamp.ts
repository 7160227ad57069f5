import { load, store, type Words } from '../memory/word.ts';

/**
 * A time stamp in shared memory: ns of {@link Clock.now} in two words, low half first. One thread writes it, with times
 * that never go back; any thread reads it.
 *
 * Why a reader never sees halves of two stamps: if the high word must change (every 4.3 s), the writer marks the high
 * word before it touches the low word, and writes the high word last. A reader takes the low word between two loads of
 * the high word, and accepts it if both loads return the same unmarked value. Times never go back, so an earlier high
 * word does not return, and the low word belongs to it. Otherwise the low word is the whole write: a stamp usually
 * costs a load and a store.
 */
export const STAMP_WORDS = 2;

/** No stamp has this high half: 2^53 ns end at 2^21. */
const MOVING = -1;

const HALF = 2 ** 32;

/** Writes the stamp. Only the stamp's own thread. `ns` is a whole number, not before the last one written. */
export function writeStamp(words: Words, at: number, ns: number): void {
  const high = Math.floor(ns / HALF);
  if (load(words, at + 1) === high) {
    store(words, at, ns | 0);
    return;
  }
  store(words, at + 1, MOVING);
  store(words, at, ns | 0);
  store(words, at + 1, high);
}

/** Reads the stamp: ns on the machine's clock, 0 before the first write. Any thread. */
export function readStamp(words: Words, at: number): number {
  for (;;) {
    const high = load(words, at + 1);
    const low = load(words, at);
    // A marked stamp is two stores from done. Load again only then, or if the stamp has just moved.
    if (high !== MOVING && load(words, at + 1) === high) return high * HALF + (low >>> 0);
  }
}
