import type { Words } from './word.ts';

/**
 * Sleeps on a word and wakes its sleeper with nothing around the futex: no announcement, no ticket. Measures the host's
 * own cost of a wake-up. Code in which several threads sleep and signal uses an {@link EventCount}: its waker pays for
 * no notify while no thread sleeps; {@link wake} always pays.
 */

/** Sleeps as long as the word is `value`, until a {@link wake}; false if `timeoutMs` passed first. Blocks the thread. */
export function sleepWhile(words: Words, at: number, value: number, timeoutMs: number): boolean {
  return Atomics.wait(words, at, value, timeoutMs) !== 'timed-out';
}

/**
 * As {@link sleepWhile}, for a thread with an event loop; ends with a wake only. Hold a reference of your
 * own.
 */
export async function sleepWhileAsync(words: Words, at: number, value: number): Promise<void> {
  const wait = Atomics.waitAsync(words, at, value);
  if (wait.async) await wait.value;
}

/** Wakes the threads that sleep on the word. Change the word first. */
export function wake(words: Words, at: number): void {
  Atomics.notify(words, at, 1);
}
