import type { Point } from './operation.ts';

/** The threads that sleep in Atomics.wait, in the order in which they fell asleep. */
export class WaitQueue {
  readonly #queue: number[] = [];
  readonly #pending: readonly Point[];

  /** @param pending - by thread: its wait. */
  constructor(pending: readonly Point[]) {
    this.#pending = pending;
  }

  add(t: number): void {
    this.#queue.push(t);
  }

  remove(t: number): void {
    this.#queue.splice(this.#queue.indexOf(t), 1);
  }

  clear(): void {
    if (this.#queue.length > 0) this.#queue.length = 0;
  }

  /** The first threads that wait at an address, at most `most`. */
  at(address: number, most: number): number[] {
    const found: number[] = [];
    for (const t of this.#queue) {
      if (found.length >= most) break;
      if ((this.#pending[t] as Point).at === address) found.push(t);
    }
    return found;
  }

  /** The threads that time out first, as bits: several if they time out at the same moment. */
  firstDue(): number {
    let first = 0;
    let least = Infinity;
    for (const t of this.#queue) {
      const { deadline } = this.#pending[t] as Point;
      if (deadline < least) {
        least = deadline;
        first = 1 << t;
      } else if (deadline === least && deadline < Infinity) first |= 1 << t;
    }
    return first;
  }
}
