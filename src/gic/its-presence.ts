import { peek, store, type Words } from '../memory/word.ts';

/**
 * Whether the controller has an ITS, and therefore LPIs, as GICD_TYPER, GICR_TYPER and GICR_CTLR report. Userland writes the word
 * when it creates the ITS, before any vCPU runs; afterwards threads only read it. Any thread.
 */
export class ItsPresence {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, at: number) {
    this.#words = words;
    this.#at = at;
  }

  get exists(): boolean {
    return peek(this.#words, this.#at) !== 0;
  }

  set exists(exists: boolean) {
    store(this.#words, this.#at, exists ? 1 : 0);
  }
}
