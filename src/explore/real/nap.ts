import { IrqError } from '../../base/irq-error.ts';
import { NATIVE } from '../control/controlled-atomics.ts';
import { sleepIn } from '../control/dispatched-atomics.ts';
import { type IntegerArray, WAIT } from '../running/operation.ts';
import {
  ABORT,
  ASLEEP,
  BELL,
  EPOCH,
  LEFT,
  NAP,
  NAP_BUFFER,
  NAP_BYTE,
  NAP_WIDE,
  threadAt,
} from './free-control.ts';
import type { FreeTask } from './free-entry.ts';

/** Thrown out of a wait that will never end. */
const GIVEN_UP: object = Object.freeze({ irqloom: 'this thread sleeps for good; let it through' });

type Wait = (array: IntegerArray, index: number, value: unknown, ms?: number) => string;

/**
 * Replaces Atomics.wait by a function that records where the thread sleeps, so that the main thread can tell when all
 * threads sleep; the engine still does the sleeping. Leaves a wait with a timeout alone. Returns the undo.
 */
export function replaceWait({ control, thread, buffers }: FreeTask): () => void {
  const native = NATIVE[WAIT] as Wait;
  const own = threadAt(thread);
  return sleepIn(function wait(array, index, value, time) {
    const ms = time as number | undefined;
    if (ms !== undefined && Number(ms) < Infinity) return native(array, index, value, ms);
    if (isGivenUp(control)) throw GIVEN_UP;
    const buffer = ArrayBuffer.isView(array) ? buffers.indexOf(array.buffer as SharedArrayBuffer) : -1;
    if (buffer < 0) {
      if (native(array, index, value, 0) === 'not-equal') return 'not-equal';
      throw new IrqError(
        'ERR_UNSUPPORTED',
        'Atomics.wait without a timeout on memory that no other thread of the scenario shares would never end',
      );
    }
    control[own + NAP_BUFFER] = buffer;
    control[own + NAP_BYTE] = array.byteOffset + index * array.BYTES_PER_ELEMENT;
    control[own + NAP_WIDE] = array.BYTES_PER_ELEMENT === 8 ? 1 : 0;
    Atomics.add(control, own + NAP, 1);
    const asleep = Atomics.add(control, ASLEEP, 1) + 1;
    if (asleep === Atomics.load(control, LEFT)) ring(control);
    let answer: string;
    try {
      answer = native(array, index, value);
    } finally {
      Atomics.sub(control, ASLEEP, 1);
      Atomics.add(control, own + NAP, 1);
    }
    if (isGivenUp(control)) throw GIVEN_UP;
    return answer;
  });
}

/** Whether the main thread has abandoned the current run. Called within the run, so the epoch does not change. */
export function isGivenUp(control: Int32Array): boolean {
  return Atomics.load(control, ABORT) === Atomics.load(control, EPOCH);
}

/** Wakes the main thread. */
export function ring(control: Int32Array): void {
  Atomics.store(control, BELL, 1);
  Atomics.notify(control, BELL);
}
