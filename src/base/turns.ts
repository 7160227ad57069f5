import { setImmediate } from 'node:timers/promises';

/**
 * Work of one thread in pieces of a few milliseconds: a generator that yields the number of finished parts, receives whether to stop,
 * and returns the result.
 */
export type Pieces<T> = Generator<number, T, boolean>;

/** A caller's means to follow work in pieces, and to end the work. */
export type TurnsWatch = {
  readonly signal?: AbortSignal;
  readonly progress?: (done: number) => void;
};

/** So long one piece follows the other before the event loop has its turn, for signals and output, ms. */
const TURN_MS = 50;

/** All pieces, one after the other. */
export function atOnce<T>(pieces: Pieces<T>): T {
  let step = pieces.next(false);
  while (step.done !== true) step = pieces.next(false);
  return step.value;
}

/** All pieces, or those before the signal aborts; the event loop has its turns in between. */
export async function inTurns<T>(pieces: Pieces<T>, { signal, progress }: TurnsWatch = {}): Promise<T> {
  let turn = performance.now();
  let step = pieces.next(false);
  while (step.done !== true) {
    if (performance.now() - turn > TURN_MS) {
      progress?.(step.value);
      await setImmediate();
      turn = performance.now();
    }
    step = pieces.next(signal?.aborted ?? false);
  }
  return step.value;
}
