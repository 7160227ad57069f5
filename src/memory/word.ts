/**
 * The single-word operations that everything above is built from. `words` is an Int32Array over the shared buffer,
 * `at` an index into it, in words. Each function is one atomic, sequentially consistent operation, except the
 * two that look first (`raise`, `lower`), which are one load and at most one read-modify-write.
 *
 * This folder is the only one that may mention `Atomics` (the explorer aside): so every step that two threads can
 * see has a name, and the explorer can put itself between any two of them.
 */

/** The words of a shared buffer. */
export type Words = Int32Array<SharedArrayBuffer>;

export function load(words: Words, at: number): number {
  return Atomics.load(words, at);
}

export function store(words: Words, at: number, value: number): void {
  Atomics.store(words, at, value);
}

/** Adds, wrapping at 32 bits; returns the value from before. */
export function add(words: Words, at: number, value: number): number {
  return Atomics.add(words, at, value);
}

/** Puts `value` there; returns the value from before. */
export function exchange(words: Words, at: number, value: number): number {
  return Atomics.exchange(words, at, value);
}

/** Puts `next` there if it holds `expected`; true for the one caller that changed it. */
export function replace(words: Words, at: number, expected: number, next: number): boolean {
  // guard: replace-says-that-it-won
  return Atomics.compareExchange(words, at, expected, next) === expected;
}

/** As {@link replace}; returns the word from before, which is `expected` for the one caller that changed it. */
export function swap(words: Words, at: number, expected: number, next: number): number {
  return Atomics.compareExchange(words, at, expected, next);
}

/** Sets the bits of `mask`; returns the word from before. For callers that know that they are not set; else {@link setBits}. */
export function or(words: Words, at: number, mask: number): number {
  return Atomics.or(words, at, mask);
}

/**
 * Sets the bits of `mask`; returns the word from before. It looks before the read-modify-write, because a writer that
 * hammers a word whose bits are set already would keep the cache line from its reader.
 */
export function setBits(words: Words, at: number, mask: number): number {
  const seen = Atomics.load(words, at);
  // guard: set-bits-in-one-step
  return (seen & mask) === mask ? seen : Atomics.or(words, at, mask);
}

/** Clears the bits of `mask`; returns the word from before. Looks first, as {@link setBits} does. */
export function clearBits(words: Words, at: number, mask: number): number {
  const seen = Atomics.load(words, at);
  // guard: clear-bits-in-one-step
  return (seen & mask) === 0 ? seen : Atomics.and(words, at, ~mask);
}

/** As {@link setBits}; returns those bits of `mask` that this call set. */
export function raise(words: Words, at: number, mask: number): number {
  // guard: raise-says-what-it-set
  return ~setBits(words, at, mask) & mask;
}

/** As {@link clearBits}; returns those bits of `mask` that this call cleared. */
export function lower(words: Words, at: number, mask: number): number {
  return clearBits(words, at, mask) & mask;
}

/**
 * A plain read, for a word that no other thread writes while this one runs: a register of the thread's own vCPU, a
 * table that was filled before the threads started. Not a step that the explorer can see, and needs none.
 */
export function peek(words: Words, at: number): number {
  return words[at] ?? 0;
}

/** A plain write, for a word that no other thread touches while this one runs. See {@link peek}. */
export function poke(words: Words, at: number, value: number): void {
  words[at] = value;
}
