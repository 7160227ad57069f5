/** A word that no thread changes or notifies: a nap waits on this word. */
const nowhere = new Int32Array(new SharedArrayBuffer(4));

/**
 * Blocks the thread for `ms`, which may be a fraction. For a loop that polls at intervals or paces itself; never a
 * substitute for a wake-up.
 */
export function nap(ms: number): void {
  Atomics.wait(nowhere, 0, 0, ms);
}
