import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { nap } from '../../memory/nap.ts';
import { add, load, store, type Words } from '../../memory/word.ts';

const HELD = 0;
const ENTERED = 1;
const TURN = 2;
/** No handler is to wait, but turns are noted. */
const NOTING = -1;
const NAP_MS = 0.05;

export function turnsRegion(layout: Layout, sources: number): Region {
  return layout.region('turns', LINE + sources);
}

/**
 * Holds a vCPU in the handler of one source, and notes in which order others are taken afterwards. A view of shared words: the
 * driver's thread begins and ends; handlers wait.
 */
export class Turns {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, { at }: Region) {
    this.#words = words;
    this.#at = at;
  }

  // ---- the driver's thread

  /** From here on the handler of `source` does not return until {@link release}. */
  hold(source: number): void {
    store(this.#words, this.#at + ENTERED, 0);
    store(this.#words, this.#at + HELD, source + 1);
  }

  get isEntered(): boolean {
    return load(this.#words, this.#at + ENTERED) !== 0;
  }

  /** Lets the handler return; the interrupts from here on have their turn noted. */
  release(): void {
    store(this.#words, this.#at + HELD, NOTING);
  }

  end(): void {
    store(this.#words, this.#at + HELD, 0);
  }

  /** When `source` was taken last: a number that grows from one to the next. */
  of(source: number): number {
    return load(this.#words, this.#at + LINE + source);
  }

  // ---- a vCPU's thread

  /** A handler of `source` has begun. One load while nothing is held. @param isOver - ends a wait with the run */
  began(source: number, isOver: () => boolean): void {
    const held = load(this.#words, this.#at + HELD);
    if (held === 0) return;
    store(this.#words, this.#at + LINE + source, add(this.#words, this.#at + TURN, 1) + 1);
    if (held !== source + 1) return;
    store(this.#words, this.#at + ENTERED, 1);
    while (load(this.#words, this.#at + HELD) === held && !isOver()) nap(NAP_MS);
  }
}
