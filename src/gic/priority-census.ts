import { LEVEL_SHIFT, PRIORITY_LEVELS } from '../arch/priority.ts';
import { lowestBit } from '../memory/bits.ts';
import { LINE, type Region } from '../memory/layout.ts';
import { add, load, lower, raise, type Words } from '../memory/word.ts';

/** Words of a {@link PriorityCensus}. */
export const PRIORITY_CENSUS_WORDS = LINE + PRIORITY_LEVELS;

/**
 * How many enabled SPIs and LPIs there are of each priority level, so that the search for the most urgent one may stop
 * at the first that has the best priority in use: guests give nearly all their interrupts one priority. SGIs and PPIs
 * are few and are searched first; they are not counted, because KVM starts with every SGI enabled at priority 0.
 *
 * It may say that a level is used when it no longer is, never the reverse: a level is counted before an interrupt
 * is enabled at it and let go after it is disabled. The mask of used levels is cleared first and checked against
 * the count afterwards, so an `enter` that comes in between either finds the bit gone and sets it, or is seen.
 */
export class PriorityCensus {
  readonly #words: Words;
  readonly #mask: number;
  readonly #counts: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#mask = region.at;
    this.#counts = region.at + LINE;
  }

  /** To be called before an interrupt is enabled at `priority`. Any thread. */
  enter(priority: number): void {
    const level = priority >>> LEVEL_SHIFT;
    // guard: level-counted-before-mark
    add(this.#words, this.#counts + level, 1);
    // guard: used-level-is-marked
    raise(this.#words, this.#mask, 1 << level);
  }

  /** To be called after an interrupt stopped being enabled at `priority`. Any thread. */
  leave(priority: number): void {
    const level = priority >>> LEVEL_SHIFT;
    if (add(this.#words, this.#counts + level, -1) !== 1) return;
    lower(this.#words, this.#mask, 1 << level);
    // guard: cleared-level-is-checked
    if (load(this.#words, this.#counts + level) !== 0) raise(this.#words, this.#mask, 1 << level);
  }

  /** No enabled interrupt has a priority value below this one (256 where none is enabled). */
  get best(): number {
    const mask = load(this.#words, this.#mask);
    return mask === 0 ? 256 : lowestBit(mask) << LEVEL_SHIFT;
  }
}
