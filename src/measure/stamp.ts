import { load, store, type Words } from '../memory/word.ts';

/**
 * A time stamp in shared memory: a count of ns from {@link Clock.now}, in two words, low half first. One thread writes
 * it, with times that never go back; any thread reads it.
 *
 * A reader never sees half of one stamp and half of another. The writer marks the high word before it touches the low
 * one whenever the high one must change (every 4.3 s), and writes it last. A reader takes the low word between two
 * looks at the high one, and accepts it if both looks found the same unmarked value: times never go back, so a high
 * word that was left does not return, and the low word belongs to it. Everywhere else the low word is the whole write:
 * a stamp usually costs a load and a store.
 */
export const STAMP_WORDS = 2;

/** No stamp has this high half: 2^53 ns end at 2^21. */
const MOVING = -1;

const HALF = 2 ** 32;

/** Writes the stamp. Only the thread that owns it. `ns` is a whole number, not before the one written last. */
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

/** Reads the stamp: ns on the machine's clock, 0 where none was written yet. Any thread. */
export function readStamp(words: Words, at: number): number {
  for (;;) {
    const high = load(words, at + 1);
    const low = load(words, at);
    // A marked stamp is two stores from done; only then, and when it moved just here, look again.
    if (high !== MOVING && load(words, at + 1) === high) return high * HALF + (low >>> 0);
  }
}
