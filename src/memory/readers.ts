import { IrqError } from '../errors/irq-error.ts';
import { LINE, type Region } from './layout.ts';
import { add, load, store, type Words } from './word.ts';

/** Words of reader sections for `threads` threads: the epoch's line, and one line a thread. */
export function readersWords(threads: number): number {
  return (1 + threads) * LINE;
}

const GRACE_BOUND_MS = 10_000;
const OUTSIDE = 0;

/**
 * Reader sections with a grace period (what RCU or SRCU is to the kernel): readers of shared tables announce
 * themselves with one store to a line of their own and never wait; who has replaced something waits in
 * {@link synchronize} until every reader that may still use the old thing has left.
 *
 * Why it is enough: the replacement is published before `synchronize` moves the epoch and looks at the readers.
 * A reader found outside will store its mark after that look, and so reads the pointer after the publication: it
 * cannot find the old thing. A reader found inside with an older epoch is waited for. One found inside with the
 * new epoch read that epoch after it moved, so after the publication too. A reader that leaves looks whether
 * anyone waits, after its mark is gone; a waiter counts itself before it looks at the mark: one of them sees.
 *
 * Sections do not nest, and must not wait for anything that waits for a grace period.
 */
export class Readers {
  readonly #words: Words;
  readonly #epoch: number;
  readonly #waiting: number;
  readonly #first: number;
  readonly #threads: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#epoch = region.at;
    this.#waiting = region.at + 1;
    this.#first = region.at + LINE;
    this.#threads = region.words / LINE - 1;
  }

  /** Once, by who creates the memory: marks are odd, so that no epoch looks like "outside". */
  init(): void {
    store(this.#words, this.#epoch, 1);
  }

  /** Begins the section of thread `reader` (0 to threads - 1; each thread its own number). */
  enter(reader: number): void {
    store(this.#words, this.#first + reader * LINE, load(this.#words, this.#epoch));
  }

  leave(reader: number): void {
    const mark = this.#first + reader * LINE;
    store(this.#words, mark, OUTSIDE);
    if (load(this.#words, this.#waiting) !== 0) Atomics.notify(this.#words, mark);
  }

  /**
   * Waits until every section that was under way when it was called has ended. Blocks; not from within a section.
   * @throws IrqError `ERR_GRACE_TIMEOUT`, naming the reader, after the bound.
   */
  synchronize(timeoutMs = GRACE_BOUND_MS): void {
    const mine = (add(this.#words, this.#epoch, 2) + 2) | 0;
    let counted = false;
    for (let reader = 0; reader < this.#threads; reader++) {
      const at = this.#first + reader * LINE;
      for (;;) {
        const mark = load(this.#words, at);
        // Signed difference: right across the wrap, as long as no section lasts for 2^30 grace periods.
        if (mark === OUTSIDE || ((mark - mine) | 0) >= 0) break;
        if (!counted) {
          add(this.#words, this.#waiting, 1);
          counted = true;
          continue;
        }
        if (Atomics.wait(this.#words, at, mark, timeoutMs) === 'timed-out') {
          add(this.#words, this.#waiting, -1);
          throw new IrqError(
            'ERR_GRACE_TIMEOUT',
            `reader ${reader} did not leave its section within ${timeoutMs} ms`,
          );
        }
      }
    }
    if (counted) add(this.#words, this.#waiting, -1);
  }

  /** Ends the section of a thread that has died in it. */
  abandon(reader: number): void {
    this.leave(reader);
  }
}
