import type { Cells } from './undo-log.ts';

type OwnWrite = {
  readonly cells: Cells;
  readonly shared: number;
  readonly index: number;
  readonly before: number;
  /** The value to restore while the writes are hidden. */
  now: number;
};
type Visit = (shared: number, cells: Cells, index: number) => void;

/** The threads' writes to bytes that no other thread touches, with the bytes' values at each thread's start. */
export class OwnWrites {
  readonly #byThread: OwnWrite[][] = [];

  /** One past the highest thread that has written. */
  get threads(): number {
    return this.#byThread.length;
  }

  count(t: number): number {
    return this.#byThread[t]?.length ?? 0;
  }

  /** Records that thread `t` is about to write a cell of a buffer. */
  add(t: number, shared: number, cells: Cells, index: number): void {
    this.#byThread[t] ??= [];
    this.#byThread[t]?.push({ cells, shared, index, before: cells[index] as number, now: 0 });
  }

  /** Visits the cells that thread `t` has written, except the first `from`. */
  forEach(t: number, from: number, visit: Visit): void {
    const writes = this.#byThread[t];
    if (writes === undefined) return;
    for (let i = from; i < writes.length; i++) {
      const { shared, cells, index } = writes[i] as OwnWrite;
      visit(shared, cells, index);
    }
  }

  /** Undoes and forgets the writes of thread `t`; visits each cell. */
  takeBack(t: number, visit: Visit): void {
    const writes = this.#byThread[t];
    if (writes === undefined || writes.length === 0) return;
    for (let i = writes.length - 1; i >= 0; i--) {
      const { shared, cells, index, before } = writes[i] as OwnWrite;
      cells[index] = before;
      visit(shared, cells, index);
    }
    writes.length = 0;
  }

  /** Undoes the writes of all threads until {@link show}. */
  hide(): void {
    const all = this.#byThread.flat();
    for (const write of all) write.now = write.cells[write.index] as number;
    for (const { cells, index, before } of all.reverse()) cells[index] = before;
  }

  show(): void {
    for (const { cells, index, now } of this.#byThread.flat()) cells[index] = now;
  }
}
