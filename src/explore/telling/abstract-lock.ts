import { requestLock, requestUnlock } from '../control/controlled-atomics.ts';

/**
 * A lock as the textbooks have it: taking is one step that is enabled only while the lock is free, giving back is one
 * step. One word, 0 while free. Under the explorer it costs no more steps than that, so it stands in where the inside of
 * a mutex is not what is looked at; outside it is a plain sleeping lock.
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
