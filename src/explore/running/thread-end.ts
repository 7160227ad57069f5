import { ENDED, FAILED, Point } from './operation.ts';

const NOWHERE = new Int32Array(0);

/** The end of a thread. */
export const END = new Point(ENDED, NOWHERE, 0, undefined, undefined, -1);

/** The end of a thread that has thrown. */
export function failedWith(thrown: unknown): Point {
  return new Point(FAILED, NOWHERE, 0, undefined, undefined, -1, Infinity, thrown);
}
