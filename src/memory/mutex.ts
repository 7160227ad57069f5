import { IrqError } from '../base/irq-error.ts';
import type { Region, SizedKind } from './layout.ts';
import { exchange, load, replace, store, type Words } from './word.ts';

/** One word. A restore frees the lock: the holder no longer exists. */
export const MUTEX: SizedKind = {
  name: 'mutex',
  words: 1,
  spins: true,
  restored: (words, { at }) => store(words, at, FREE),
};

/**
 * Longest wait for a lock of the machine. Critical sections last microseconds: a waiter that reaches the bound waits
 * for a dead thread.
 */
const LOCK_BOUND_MS = 10_000;

const FREE = 0;
const HELD = 1;
/** Held, and a thread sleeps or is about to. */
const WANTED = 2;

/**
 * A mutual exclusion lock in one word, after Drepper's three-state futex mutex ("Futexes Are Tricky").
 *
 * A waiter marks the word WANTED before it sleeps on exactly that value; a holder that releases in between changes the
 * word, and the sleep ends at once. A woken waiter takes the lock as WANTED again, because other threads may sleep: at
 * worst, its release costs one idle notify. Not recursive, not fair. Any thread; blocks.
 */
export class Mutex {
  readonly #words: Words;
  readonly #at: number;
  readonly #name: string;
  readonly #spins: number;

  /**
   * @param name - for the error of a wait past its bound
   * @param spins - loads of the word before the waiter sleeps; 0 where every load is a scheduling point
   */
  constructor(words: Words, region: Region, name: string, spins = region.spins ?? 100) {
    this.#words = words;
    this.#at = region.at;
    this.#name = name;
    this.#spins = spins;
  }

  /** @throws IrqError `ERR_LOCK_TIMEOUT` after {@link LOCK_BOUND_MS} or the bound given. */
  lock(timeoutMs = LOCK_BOUND_MS): void {
    // guard: lock-taken-in-one-step
    if (replace(this.#words, this.#at, FREE, HELD)) return;
    for (let spin = 0; spin < this.#spins; spin++) {
      if (load(this.#words, this.#at) === FREE && replace(this.#words, this.#at, FREE, HELD)) return;
    }
    // guard: waiter-marks-lock
    while (exchange(this.#words, this.#at, WANTED) !== FREE) {
      if (Atomics.wait(this.#words, this.#at, WANTED, timeoutMs) === 'timed-out') {
        throw new IrqError(
          'ERR_LOCK_TIMEOUT',
          `${this.#name} was not released within ${timeoutMs} ms: its holder is stuck or dead`,
        );
      }
    }
  }

  /** Takes the lock if free. */
  tryLock(): boolean {
    return load(this.#words, this.#at) === FREE && replace(this.#words, this.#at, FREE, HELD);
  }

  unlock(): void {
    // guard: release-wakes-waiter
    if (exchange(this.#words, this.#at, FREE) === WANTED) Atomics.notify(this.#words, this.#at, 1);
  }

  /** Frees a lock whose holder has died. The caller must know that the holder is gone. */
  breakLock(): void {
    store(this.#words, this.#at, FREE);
    Atomics.notify(this.#words, this.#at, 1);
  }
}
