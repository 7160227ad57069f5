import { LEVEL_SHIFT, PRIORITY_LEVELS } from '../arch/priority.ts';
import { lowestBit } from '../memory/bits.ts';
import { LINE, type Region } from '../memory/layout.ts';
import { add, load, lower, raise, type Words } from '../memory/word.ts';

/** Words of a {@link PriorityCensus}. */
export const PRIORITY_CENSUS_WORDS = LINE + PRIORITY_LEVELS;

/**
 * Counts the enabled SPIs and LPIs of each priority level. A search stops at the first interrupt of the most urgent level in use:
 * guests give nearly all their interrupts one priority. SGIs and PPIs are not counted, because KVM resets every SGI as enabled at
 * priority 0; searches visit all listed ones.
 *
 * Words: a mask of used levels, and a count for each level.
 * A thread that enables an interrupt: raises the count, then sets the mask bit, then enables. A thread that disables one: disables,
 * lowers the count, and at 0 clears the mask bit and reads the count again; if the count is not 0, it sets the bit again. So a
 * concurrent `enter` either finds the bit clear and sets it, or the disabling thread reads its count.
 * A stale bit costs a longer search. A level in use always has its bit.
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

  /** Call before enabling an interrupt at `priority`. Any thread. */
  enter(priority: number): void {
    const level = priority >>> LEVEL_SHIFT;
    // guard: level-counted-before-mark
    add(this.#words, this.#counts + level, 1);
    // guard: used-level-is-marked
    raise(this.#words, this.#mask, 1 << level);
  }

  /** Call after disabling an interrupt of `priority`, or changing its priority. Any thread. */
  leave(priority: number): void {
    const level = priority >>> LEVEL_SHIFT;
    if (add(this.#words, this.#counts + level, -1) !== 1) return;
    lower(this.#words, this.#mask, 1 << level);
    // guard: cleared-level-is-checked
    if (load(this.#words, this.#counts + level) !== 0) raise(this.#words, this.#mask, 1 << level);
  }

  /** A lower bound for the priority of all enabled SPIs and LPIs; 256 if none is enabled. */
  get best(): number {
    const mask = load(this.#words, this.#mask);
    return mask === 0 ? 256 : lowestBit(mask) << LEVEL_SHIFT;
  }
}
