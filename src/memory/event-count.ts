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

/** The bound of an untimed wait: the sleeper relies on a waker. */
export const FOREVER = Number.POSITIVE_INFINITY;

/**
 * Threads sleep here until an event has happened; the thread that made the event happen wakes them. While no thread
 * sleeps, a waker pays for one load.
 *
 * A sleeper: `ticket = announce()`, **then** look for work, then `park(ticket)` if there is none, else `withdraw()`.
 * A waker: publish the work, **then** `signal()`.
 *
 * Why no wake-up is lost: both sides store their own flag first and then read the flag of the other (all operations are
 * sequentially consistent). If `signal` reads no sleeper, the sleeper's `announce` comes after that read, so the
 * sleeper looks after the waker published the work, and finds the work. If `signal` reads a sleeper, `signal` moves the
 * count. A ticket taken before that is stale: `park` returns at once, or the notify wakes the sleeper in the queue. A
 * ticket taken after that belongs to a sleeper that looks after the publication.
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

  /** Counts the caller as a sleeper and returns its ticket. The caller follows with one `park` or one `withdraw`. */
  announce(): number {
    // guard: sleeper-counts-itself
    add(this.#words, this.#sleepers, 1);
    return load(this.#words, this.#count);
  }

  /** Takes an announcement back, because the caller found work. */
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
   * reference of its own. Only a signal ends the wait: a timed `waitAsync` leaks until its timeout.
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

  /** Whether a thread sleeps or is about to. For statistics: `signal` reads the count of sleepers itself. */
  get asleep(): boolean {
    return load(this.#words, this.#sleepers) !== 0;
  }
}
