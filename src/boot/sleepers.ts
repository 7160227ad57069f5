import type { Region } from '../memory/layout.ts';
import { add, load, type Words } from '../memory/word.ts';

/**
 * Counts the vCPUs that sleep or are off. The vCPU whose `enter` completes the count was the last awake, and alone advances virtual
 * time. No vCPU can enter or leave without changing the count.
 */
export class Sleepers {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  /** @returns the number of sleeping vCPUs, the caller included */
  enter(): number {
    return add(this.#words, this.#at, 1) + 1;
  }

  leave(): void {
    add(this.#words, this.#at, -1);
  }

  get count(): number {
    return load(this.#words, this.#at);
  }
}
