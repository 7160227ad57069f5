import { IrqError } from '../base/irq-error.ts';
import { EVENT_COUNT_WORDS, EventCount, FOREVER } from './event-count.ts';
import { LINE, type Region, type SizedKind, wordNames } from './layout.ts';
import { load, replace, store, swap, type Words } from './word.ts';

/** Words of an {@link EventFd}: its count and flags on one line, and its {@link EventCount}. */
export const EVENTFD_WORDS = LINE + EVENT_COUNT_WORDS;

/** An {@link EventFd}. When a machine is restored, its count is the saved one, and no thread sleeps on it. */
export const EVENTFD: SizedKind = {
  name: 'eventfd',
  words: EVENTFD_WORDS,
  wordName: wordNames({
    0: 'low',
    1: 'middle',
    2: 'high',
    3: 'semaphore',
    [LINE]: 'moves',
    [2 * LINE]: 'sleepers',
  }),
  restored: (words, { at }) => store(words, at + 2 * LINE, 0),
};

/** The highest count of an eventfd, 2^64 - 2. */
export const EVENTFD_MAX = 0xffff_ffff_ffff_fffen;

// Flags of the count's low word. While both are clear, the word is the whole count: one compare-and-swap changes the count.
const LOCK = 1 << 31;
const LARGE = 1 << 30;
const LOW_BITS = 30;
const LOW = LARGE - 1;

/**
 * eventfd(2) in shared memory: writers add to a 64-bit count; a reader takes the whole count, or 1 in semaphore mode.
 *
 * The count lies in three limbs, 30 + 30 + 4 bits. Below 2^30, which is always in practice, the low word is the whole
 * count, and a write or a read is one compare-and-swap. The low word of a larger count carries the LARGE flag. A thread
 * that finds LARGE, or is about to set LARGE, takes the LOCK bit of the same word: every operation goes through that
 * word, so the LOCK bit excludes all other threads.
 *
 * Sleeping is an {@link EventCount}: a writer publishes the count and then signals, a reader announces itself and then
 * looks at the count. Any thread may call any method; `read` and `write` block the calling thread.
 */
export class EventFd {
  readonly #words: Words;
  readonly #low: number;
  readonly #middle: number;
  readonly #high: number;
  readonly #semaphore: number;
  readonly #moved: EventCount;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#low = region.at;
    this.#middle = region.at + 1;
    this.#high = region.at + 2;
    this.#semaphore = region.at + 3;
    this.#moved = new EventCount(words, { at: region.at + LINE, words: EVENT_COUNT_WORDS });
  }

  /** Sets the initial count and EFD_SEMAPHORE, as eventfd(2) does. Call before any other thread sees the eventfd. */
  init(count: number | bigint = 0, semaphore = false): void {
    store(this.#words, this.#low, 0);
    store(this.#words, this.#middle, 0);
    store(this.#words, this.#high, 0);
    store(this.#words, this.#semaphore, semaphore ? 1 : 0);
    this.tryWrite(count);
  }

  /**
   * Adds `value`; false, with nothing changed, if the count would pass 2^64 - 2 (EAGAIN to a non-blocking writer).
   * @throws IrqError `ERR_EVENTFD_VALUE` for a value that is not 0 to 2^64 - 2 (EINVAL)
   */
  tryWrite(value: number | bigint = 1): boolean {
    if (typeof value === 'number' && value >= 0 && value <= LOW && Number.isInteger(value)) {
      // speed: most counts are empty. A look before would fetch the line twice, to read and to write (bench transfers).
      let low = 0;
      for (;;) {
        const sum = low + value;
        // guard: small-count-is-small
        if (low < 0 || low > LOW || sum > LOW) break;
        // guard: write-adds-in-one-step
        const seen = swap(this.#words, this.#low, low, sum);
        if (seen === low) {
          // guard: write-wakes-reader
          this.#moved.signal();
          return true;
        }
        low = seen;
      }
    }
    const added = checked(value);
    const count = this.#lock();
    // guard: count-has-limit
    const fits = count + added <= EVENTFD_MAX;
    this.#unlock(fits ? count + added : count);
    // guard: large-write-wakes-reader
    if (fits) this.#moved.signal();
    return fits;
  }

  /** Adds `value`, sleeping while the count has no room for the value; false if `timeoutMs` passed first. */
  write(value: number | bigint = 1, timeoutMs = FOREVER): boolean {
    if (this.tryWrite(value)) return true;
    const end = endOf(timeoutMs);
    for (;;) {
      const ticket = this.#moved.announce();
      // guard: writer-tries-before-sleep
      if (this.tryWrite(value)) {
        this.#moved.withdraw();
        return true;
      }
      if (!this.#moved.park(ticket, timeUntil(end))) return false;
    }
  }

  /** Takes the count (1 in semaphore mode); 0n if there is none (EAGAIN to a non-blocking reader). */
  tryRead(): bigint {
    const semaphore = load(this.#words, this.#semaphore) !== 0;
    for (;;) {
      const low = load(this.#words, this.#low);
      if (low === 0) return 0n;
      if (low < 0 || low > LOW) break;
      // guard: read-takes-in-one-step
      if (replace(this.#words, this.#low, low, semaphore ? low - 1 : 0)) {
        // guard: read-wakes-writer
        this.#moved.signal();
        return semaphore ? 1n : BigInt(low);
      }
    }
    const count = this.#lock();
    // guard: semaphore-gives-one
    const taken = semaphore ? (count > 0n ? 1n : 0n) : count;
    this.#unlock(count - taken);
    // guard: large-read-wakes-writer
    if (taken > 0n) this.#moved.signal();
    return taken;
  }

  /** Takes the count (1 in semaphore mode), sleeping while it is zero; 0n if `timeoutMs` passed first. */
  read(timeoutMs = FOREVER): bigint {
    let taken = this.tryRead();
    if (taken > 0n) return taken;
    const end = endOf(timeoutMs);
    for (; taken === 0n; taken = this.tryRead()) {
      const ticket = this.#moved.announce();
      // guard: reader-looks-before-sleep
      if (load(this.#words, this.#low) !== 0) this.#moved.withdraw();
      else if (!this.#moved.park(ticket, timeUntil(end))) return 0n;
    }
    return taken;
  }

  /** Takes the whole count in either mode; true if the count was not zero. No allocation. */
  drain(): boolean {
    // A reader that polls must not take the cache line from a writer.
    return this.readable && this.drainTold();
  }

  /** As {@link drain}, without the load first: for a reader that a writer has notified. */
  drainTold(): boolean {
    let low = 1;
    while (low > 0 && low <= LOW) {
      // guard: drain-takes-in-one-step
      const seen = swap(this.#words, this.#low, low, 0);
      if (seen === low) {
        this.#moved.signal();
        return true;
      }
      low = seen;
    }
    if (low === 0) return false;
    const count = this.#lock();
    this.#unlock(0n);
    this.#moved.signal();
    return count > 0n;
  }

  /** Whether a read would return a count (EPOLLIN). */
  get readable(): boolean {
    return load(this.#words, this.#low) !== 0;
  }

  /** Takes the LOCK bit and returns the count. */
  #lock(): bigint {
    for (;;) {
      const low = load(this.#words, this.#low);
      // guard: count-lock-excludes
      if (low >= 0 && replace(this.#words, this.#low, low, low | LOCK)) {
        const high = BigInt(load(this.#words, this.#high));
        const middle = BigInt(load(this.#words, this.#middle));
        return (((high << BigInt(LOW_BITS)) | middle) << BigInt(LOW_BITS)) | BigInt(low & LOW);
      }
    }
  }

  /** Stores the count and frees the lock: the store that publishes the low limb also clears LOCK. */
  #unlock(count: bigint): void {
    // guard: limbs-of-count
    const above = count >> BigInt(LOW_BITS);
    store(this.#words, this.#middle, Number(above & BigInt(LOW)));
    // guard: high-limb-is-stored
    store(this.#words, this.#high, Number(above >> BigInt(LOW_BITS)));
    // guard: limbs-before-unlock
    store(this.#words, this.#low, Number(count & BigInt(LOW)) | (above > 0n ? LARGE : 0));
  }
}

/** The end of a wait of `timeoutMs`, ms on `performance.now`. A spurious wake-up does not move the end. */
function endOf(timeoutMs: number): number {
  return timeoutMs === FOREVER ? FOREVER : performance.now() + timeoutMs;
}

function timeUntil(end: number): number {
  // guard: wait-ends-at-bound
  return end === FOREVER ? FOREVER : Math.max(0, end - performance.now());
}

function checked(value: number | bigint): bigint {
  if (
    typeof value === 'bigint'
      ? value >= 0n && value <= EVENTFD_MAX
      : Number.isSafeInteger(value) && value >= 0
  ) {
    return BigInt(value);
  }
  throw new IrqError('ERR_EVENTFD_VALUE', `an eventfd takes whole numbers from 0 to 2^64 - 2, not ${value}`);
}
