import { rawOf } from '../control/view-proxy.ts';
import type { SharedMemory } from '../memory/shared-memory.ts';
import type { ElementArray, Point } from './operation.ts';

// Taken before its replacement.
const { isView } = ArrayBuffer;
const NONE = new Int32Array(0);

/**
 * The running thread's last view and its place in shared memory: most operations name the same view again.
 */
export class LocatedView {
  readonly #memory: SharedMemory;
  #handle: ElementArray = NONE;
  /** The view itself, if the thread holds a stand-in. */
  array: ElementArray = NONE;
  /** First byte of the view in shared memory; -1 outside the controlled shared memory. */
  base = -1;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  /** @returns the first byte of `handle`, a view or a stand-in for one, or -1. */
  locate(handle: ElementArray): number {
    if (handle === this.#handle) return this.base;
    this.#handle = handle;
    this.array = rawOf(handle);
    this.base = isView(this.array) ? this.#memory.find(this.array) : -1;
    return this.base;
  }

  /** Whether element `index` is the element of `point`, in a view of the same kind. */
  isAt(point: Point, index: number): boolean {
    const { array } = this;
    return (
      point.at === this.base + index * array.BYTES_PER_ELEMENT &&
      point.array.constructor === array.constructor &&
      index < array.length
    );
  }
}
