import { requestLock, requestUnlock } from '../control/controlled-atomics.ts';

/**
 * A textbook lock: taking is one step, enabled only while the lock is free; freeing is one step. One word, 0
 * while free. Replaces a mutex that is not itself under test, because this lock costs the explorer only these
 * steps. Outside the explorer, a plain sleeping lock.
 */
export class AbstractLock {
  readonly #words: Int32Array;
  readonly #at: number;

  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  lock(): void {
    if (requestLock(this.#words, this.#at)) return;
    while (Atomics.compareExchange(this.#words, this.#at, 0, 1) !== 0) Atomics.wait(this.#words, this.#at, 1);
  }

  unlock(): void {
    if (requestUnlock(this.#words, this.#at)) return;
    Atomics.store(this.#words, this.#at, 0);
    Atomics.notify(this.#words, this.#at, 1);
  }
}
