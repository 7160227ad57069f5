import type { Region } from '../memory/layout.ts';
import { add, load, type Words } from '../memory/word.ts';

/**
 * How many vCPUs sleep, or are off. The one whose `enter` makes the number complete is the last that was awake: it alone
 * decides what happens next, and no vCPU can enter or leave without a change of the number.
 */
export class Sleepers {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  /** @returns how many sleep now, the caller included */
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
