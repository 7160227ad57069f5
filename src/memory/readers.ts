import { IrqError } from '../base/irq-error.ts';
import { type Kind, LINE, type Region } from './layout.ts';
import { add, load, store, type Words } from './word.ts';

/** Words of reader sections for `threads` threads: a line for the waiter, and one line a thread. */
export function readersWords(threads: number): number {
  return (1 + threads) * LINE;
}

/** Reader sections. A restore clears all entries: no thread is in a section, no thread waits. */
export const READERS: Kind = {
  name: 'readers',
  wordName: (offset) => {
    if (offset % LINE !== 0) return undefined;
    return offset === 0 ? 'waiting' : `thread${offset / LINE - 1}`;
  },
  restored: (words, { at, words: count }) => {
    for (let offset = 0; offset < count; offset++) store(words, at + offset, 0);
  },
};

const GRACE_BOUND_MS = 10_000;

/**
 * Reader sections with a grace period (the kernel's RCU or SRCU): readers of shared tables announce
 * themselves with one addition on a line of their own and never wait; a thread that has replaced an object
 * waits in {@link synchronize} until every reader that may still use the old object has left.
 *
 * A thread's word counts its entries and its exits: odd within a section. Why the count is enough: the writer
 * publishes the replacement before `synchronize` looks at the readers. A reader found outside enters after
 * that look, so that reader loads the pointer after the publication and cannot find the old object. A reader
 * found inside need only move its word once, for any number of later sections. A leaving reader moves its
 * word and then checks for a waiter; a waiter counts itself and then looks at the word again: one of the two
 * sees the other. (A waiter that sleeps through 2^31 sections of one reader misses them.)
 *
 * Sections do not nest, and must not wait for a thread that waits for a grace period.
 */
export class Readers {
  readonly #words: Words;
  readonly #waiting: number;
  readonly #first: number;
  readonly #threads: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#waiting = region.at;
    this.#first = region.at + LINE;
    this.#threads = region.words / LINE - 1;
  }

  /** Begins the section of thread `reader` (0 to threads - 1; each thread its own number). */
  enter(reader: number): void {
    // guard: reader-announces-itself
    add(this.#words, this.#first + reader * LINE, 1);
  }

  leave(reader: number): void {
    const mark = this.#first + reader * LINE;
    // guard: reader-leaves-before-look
    add(this.#words, mark, 1);
    // guard: leaver-wakes-waiter
    if (load(this.#words, this.#waiting) !== 0) Atomics.notify(this.#words, mark);
  }

  /**
   * Waits until every section that was under way at the call has ended. Blocks; not from within a section.
   * @throws IrqError `ERR_GRACE_TIMEOUT`, naming the reader, after the bound.
   */
  synchronize(timeoutMs = GRACE_BOUND_MS): void {
    // guard: grace-period-waits
    for (let reader = 0; reader < this.#threads; reader++) {
      const at = this.#first + reader * LINE;
      const seen = load(this.#words, at);
      // guard: grace-spares-readers-outside
      if ((seen & 1) === 0) continue;
      // guard: waiter-counts-itself
      add(this.#words, this.#waiting, 1);
      const outcome = Atomics.wait(this.#words, at, seen, timeoutMs);
      add(this.#words, this.#waiting, -1);
      if (outcome === 'timed-out') {
        throw new IrqError(
          'ERR_GRACE_TIMEOUT',
          `reader ${reader} did not leave its section within ${timeoutMs} ms`,
        );
      }
    }
  }

  /** Ends the section of a dead thread, if the thread died within one. */
  abandon(reader: number): void {
    if ((load(this.#words, this.#first + reader * LINE) & 1) !== 0) this.leave(reader);
  }
}
