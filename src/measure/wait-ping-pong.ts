import { IrqError } from '../base/irq-error.ts';
import { sleepWhile, sleepWhileAsync, wake } from '../memory/bare-wait.ts';
import type { Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Clock } from './clock.ts';
import type { Histogram } from './histogram.ts';

/**
 * The parked ping-pong on a bare wait and notify: each thread sleeps on the turn itself, and the store of the turn
 * wakes it. This is the least cost of a wake-up through the kernel here; ping-pong.ts adds the cost of safe sleep with
 * any number of threads. The turn counts up as there: odd is the ponger's, even the pinger's.
 */

const PATIENCE_MS = 10_000;

function sleepUntil(words: Words, at: number, turn: number, patienceMs: number): void {
  for (let seen = load(words, at); seen !== turn; seen = load(words, at)) {
    if (!sleepWhile(words, at, seen, patienceMs) && load(words, at) === seen) {
      throw new IrqError(
        'ERR_THREAD_SILENT',
        `the other thread did not pass turn ${turn} within ${patienceMs} ms`,
      );
    }
  }
}

function pass(words: Words, at: number, turn: number): void {
  store(words, at, turn);
  wake(words, at);
}

/** Blocks the thread. Records each round trip, ns. */
export function waitPing(
  words: Words,
  { at }: Region,
  rounds: number,
  clock: Clock,
  histogram: Histogram,
  patienceMs = PATIENCE_MS,
): void {
  const first = load(words, at);
  let last = clock.now();
  for (let turn = first; turn < first + 2 * rounds; turn += 2) {
    pass(words, at, turn + 1);
    sleepUntil(words, at, turn + 2, patienceMs);
    const now = clock.now();
    histogram.record(now - last);
    last = now;
  }
}

/** The other side of {@link waitPing}, and of {@link waitAsyncPing}. Blocks the thread. */
export function waitPong(words: Words, { at }: Region, rounds: number, patienceMs = PATIENCE_MS): void {
  const first = load(words, at) & ~1;
  for (let turn = first + 1; turn < first + 2 * rounds; turn += 2) {
    sleepUntil(words, at, turn, patienceMs);
    pass(words, at, turn + 1);
  }
}

/**
 * As {@link waitPing}, for a thread that may not block: it sleeps in `Atomics.waitAsync`. The caller keeps the process
 * alive meanwhile.
 */
export async function waitAsyncPing(
  words: Words,
  { at }: Region,
  rounds: number,
  clock: Clock,
  record: (ns: number) => void,
): Promise<void> {
  const first = load(words, at);
  let last = clock.now();
  for (let turn = first; turn < first + 2 * rounds; turn += 2) {
    pass(words, at, turn + 1);
    // A wake just before the sleep finds no sleeper; but then the turn is ours already, and the wait ends at once.
    while (load(words, at) !== turn + 2) await sleepWhileAsync(words, at, turn + 1);
    const now = clock.now();
    record(now - last);
    last = now;
  }
}
