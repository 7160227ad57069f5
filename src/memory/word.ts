/**
 * The single-word operations under every protocol. `words` is an Int32Array over the shared buffer, `at` an index into
 * it, in words. Each function is one atomic, sequentially consistent operation, except those that load first
 * (`setBits`, `clearBits`, `raise`, `lower`): one load and at most one read-modify-write.
 *
 * Only this folder and the explorer may mention `Atomics`. So every step that two threads can see has a name, and the
 * explorer can switch threads between any two steps.
 */

/** The words of a shared buffer. */
export type Words = Int32Array<SharedArrayBuffer>;

export function load(words: Words, at: number): number {
  return Atomics.load(words, at);
}

export function store(words: Words, at: number, value: number): void {
  Atomics.store(words, at, value);
}

/** Adds, wrapping at 32 bits; returns the old value. */
export function add(words: Words, at: number, value: number): number {
  return Atomics.add(words, at, value);
}

/** Stores `value`; returns the old value. */
export function exchange(words: Words, at: number, value: number): number {
  return Atomics.exchange(words, at, value);
}

/** Stores `next` if the word is `expected`; true for the one caller that changed the word. */
export function replace(words: Words, at: number, expected: number, next: number): boolean {
  // guard: replace-says-that-it-won
  return Atomics.compareExchange(words, at, expected, next) === expected;
}

/**
 * As {@link replace}, but returns the old word, which is `expected` for the one caller that changed the word.
 */
export function swap(words: Words, at: number, expected: number, next: number): number {
  return Atomics.compareExchange(words, at, expected, next);
}

/**
 * Sets the bits of `mask`; returns the old word. Use when the bits are known to be clear; otherwise {@link setBits},
 * which loads first.
 */
export function or(words: Words, at: number, mask: number): number {
  return Atomics.or(words, at, mask);
}

/**
 * Sets the bits of `mask`; returns the old word. Loads before the read-modify-write: a writer that hammers bits that
 * are already set must not take the cache line from its reader.
 */
export function setBits(words: Words, at: number, mask: number): number {
  const seen = Atomics.load(words, at);
  // guard: set-bits-in-one-step
  return (seen & mask) === mask ? seen : Atomics.or(words, at, mask);
}

/** Clears the bits of `mask`; returns the old word. Loads first, as {@link setBits} does. */
export function clearBits(words: Words, at: number, mask: number): number {
  const seen = Atomics.load(words, at);
  // guard: clear-bits-in-one-step
  return (seen & mask) === 0 ? seen : Atomics.and(words, at, ~mask);
}

/** As {@link setBits}; returns the bits of `mask` that this call set. */
export function raise(words: Words, at: number, mask: number): number {
  // guard: raise-says-what-it-set
  return ~setBits(words, at, mask) & mask;
}

/** As {@link clearBits}; returns the bits of `mask` that this call cleared. */
export function lower(words: Words, at: number, mask: number): number {
  return clearBits(words, at, mask) & mask;
}

/**
 * A plain read, of a word that no other thread writes meanwhile: a register of the thread's own vCPU, a table filled
 * before the threads started. The explorer does not see this step, and need not.
 */
export function peek(words: Words, at: number): number {
  return words[at] ?? 0;
}

/** A plain write, to a word that no other thread touches meanwhile. See {@link peek}. */
export function poke(words: Words, at: number, value: number): void {
  words[at] = value;
}
