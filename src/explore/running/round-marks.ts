/**
 * Number of places in rewritten code. Places of a program that share a number only blur the findings of
 * {@link Stretch}.
 */
export const PLACES = 4096;

/**
 * By place: how often a variable, or its content, got a new value; and how often the variable was created.
 * Rewritten code counts both (see loading/carried.ts), in the thread that searches.
 */
export const changed = new Int32Array(PLACES);
export const begun = new Int32Array(PLACES);

/** The place of all elements of arrays and of memory that one thread owns. */
const ELEMENTS = 0;

/** Counts a write to an element of an array, or of memory that one thread owns. */
export function noteElement(before: unknown, after: unknown): void {
  if (!Object.is(before, after)) (changed[ELEMENTS] as number)++;
}

/**
 * A stretch of a thread's run in which the thread repeated a loop. A variable that changes in the stretch,
 * and is not created in it, is carried from round to round: the loop may end after any number of rounds.
 */
export class Stretch {
  readonly #changed = new Int32Array(PLACES);
  readonly #begun = new Int32Array(PLACES);

  /** The stretch begins. */
  begin(): void {
    this.#changed.set(changed);
    this.#begun.set(begun);
  }

  /** Whether a value was carried from round to round since `begin`. */
  get carries(): boolean {
    for (let place = 0; place < PLACES; place++)
      if (changed[place] !== this.#changed[place] && begun[place] === this.#begun[place]) return true;
    return false;
  }
}
