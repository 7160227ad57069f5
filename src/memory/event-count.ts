import { LINE, type Region, type SizedKind, wordNames } from './layout.ts';
import { add, load, store, type Words } from './word.ts';

/** Words of an {@link EventCount}: the count, and on a line of its own the number of sleepers. */
export const EVENT_COUNT_WORDS = 2 * LINE;

/** An {@link EventCount}. When a machine is restored, no thread sleeps on it. */
export const EVENT_COUNT: SizedKind = {
  name: 'event count',
  words: EVENT_COUNT_WORDS,
  wordName: wordNames({ 0: 'count', [LINE]: 'sleepers' }),
  restored: (words, { at }) => store(words, at + LINE, 0),
};

/** The bound of a wait that has no other bound: for ever, because another thread can wake the waiter. */
export const FOREVER = Number.POSITIVE_INFINITY;

/**
 * Threads sleep here until an event has happened, and the thread that made it happen wakes them. Nearly free for the
 * waker while no thread sleeps: one load.
 *
 * A sleeper: `ticket = announce()`, **then** look for work, then `park(ticket)` if there is none, else `withdraw()`.
 * A waker: publish the work, **then** `signal()`.
 *
 * Why no wake-up is lost: both sides store their own flag first and then read the flag of the other (all operations are
 * sequentially consistent). If `signal` reads no sleeper, then the sleeper's `announce` comes after that read, so
 * its look for work comes after the work was published, and finds it. If `signal` reads a sleeper, it moves the
 * count: a ticket taken before is out of date and `park` returns at once, or the sleeper is in the queue already
 * and the notify wakes it; a ticket taken after means that the look comes after the publication.
 * @see race-catalogue entries `check-then-halt` and `waiter-count-dekker` for the orders that fail
 */
export class EventCount {
  readonly #words: Words;
  readonly #count: number;
  readonly #sleepers: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#count = region.at;
    this.#sleepers = region.at + LINE;
  }

  /** Counts the caller as a sleeper and returns its ticket. To be followed by one `park` or `withdraw`. */
  announce(): number {
    // guard: sleeper-counts-itself
    add(this.#words, this.#sleepers, 1);
    return load(this.#words, this.#count);
  }

  /** Takes an announcement back: there was work after all. */
  withdraw(): void {
    // guard: withdrawal-is-counted
    add(this.#words, this.#sleepers, -1);
  }

  /** Sleeps until a signal that came after `ticket` was drawn; false if `timeoutMs` passed first. Blocks the thread. */
  park(ticket: number, timeoutMs = FOREVER): boolean {
    // guard: sleep-by-ticket
    const outcome = Atomics.wait(this.#words, this.#count, ticket, timeoutMs);
    add(this.#words, this.#sleepers, -1);
    return outcome !== 'timed-out';
  }

  /**
   * As `park`, for a thread with an event loop. A pending promise keeps no process alive: the caller must hold a
   * reference of its own. It ends with a signal only, because a timed `waitAsync` leaks until its timeout.
   */
  async parkAsync(ticket: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#words, this.#count, ticket);
    if (wait.async) await wait.value;
    add(this.#words, this.#sleepers, -1);
  }

  /** Wakes up to `limit` sleepers; true if there was a sleeper. Publish the work first. Any thread. */
  signal(limit = FOREVER): boolean {
    if (load(this.#words, this.#sleepers) === 0) return false;
    // guard: waker-moves-count
    add(this.#words, this.#count, 1);
    // guard: waker-notifies
    Atomics.notify(this.#words, this.#count, limit);
    return true;
  }

  /** Whether a thread sleeps, or is about to. For statistics; `signal` looks by itself. */
  get asleep(): boolean {
    return load(this.#words, this.#sleepers) !== 0;
  }
}
