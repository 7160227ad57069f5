/** Numbers of places in rewritten code; places of a program that share one only blur what {@link Stretch} tells of them. */
export const PLACES = 4096;

/**
 * By place: how often a variable, or what it holds, has got another value than before; and how often the variable has come to
 * life. Rewritten code counts both as it runs (see loading/carried.ts), in the thread that searches.
 */
export const changed = new Int32Array(PLACES);
export const begun = new Int32Array(PLACES);

/** The place of all elements of arrays and of memory that one thread has to itself. */
const ELEMENTS = 0;

/** An element of an array, or of memory that one thread has to itself, was written. */
export function noteElement(before: unknown, after: unknown): void {
  if (!Object.is(before, after)) (changed[ELEMENTS] as number)++;
}

/**
 * A stretch of a thread's run in which the thread went round a loop again and again. A variable that changes in it, and does not
 * come to life in it, is carried from round to round: the loop need not go on for ever, however often it went round alike.
 */
export class Stretch {
  readonly #changed = new Int32Array(PLACES);
  readonly #begun = new Int32Array(PLACES);

  /** The stretch begins. */
  begin(): void {
    this.#changed.set(changed);
    this.#begun.set(begun);
  }

  /** Whether something was carried from round to round, since the begin. */
  get carries(): boolean {
    for (let place = 0; place < PLACES; place++)
      if (changed[place] !== this.#changed[place] && begun[place] === this.#begun[place]) return true;
    return false;
  }
}
