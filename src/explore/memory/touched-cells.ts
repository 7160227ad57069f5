import type { Cells } from './undo-log.ts';

/** The few cells of a large memory that operations write in any schedule, with their values after setup. */
export class TouchedCells {
  readonly #cells: Cells[] = [];
  readonly #indexes: number[] = [];
  readonly #fresh: number[] = [];
  readonly #kept: number[] = [];
  /** The number of a cell, by array and index. */
  readonly #known = new Map<Cells, Map<number, number>>();

  get count(): number {
    return this.#cells.length;
  }

  /** Adds a cell that may be written from now on. `fresh`: its value after setup. */
  add(cells: Cells, index: number, fresh: number): void {
    const known = this.#known.get(cells) ?? new Map<number, number>();
    this.#known.set(cells, known);
    if (known.has(index)) return;
    known.set(index, this.#cells.length);
    this.#cells.push(cells);
    this.#indexes.push(index);
    this.#fresh.push(fresh);
    this.#kept.push(cells[index] as number);
  }

  restore(): void {
    this.#put(this.#fresh);
  }

  keep(): void {
    for (let i = 0; i < this.#cells.length; i++) {
      this.#kept[i] = (this.#cells[i] as Cells)[this.#indexes[i] as number] as number;
    }
  }

  /** Accepts a change of a cell, perhaps one of these: no change for {@link changed} and {@link putBack}. */
  accept(cells: Cells, index: number): void {
    const i = this.#known.get(cells)?.get(index);
    if (i !== undefined) this.#kept[i] = cells[index] as number;
  }

  putBack(): void {
    this.#put(this.#kept);
  }

  /** The first cell that has changed since {@link keep}. */
  changed(): { readonly cells: Cells; readonly index: number } | undefined {
    for (let i = 0; i < this.#cells.length; i++) {
      const cells = this.#cells[i] as Cells;
      const index = this.#indexes[i] as number;
      if (cells[index] !== this.#kept[i]) return { cells, index };
    }
    return undefined;
  }

  /** Runs `body` with all cells at their values after setup. */
  whileFresh<T>(body: () => T): T {
    const now = this.#cells.map((cells, i) => cells[this.#indexes[i] as number] as number);
    this.restore();
    try {
      return body();
    } finally {
      this.#put(now);
    }
  }

  #put(values: readonly number[]): void {
    for (let i = 0; i < this.#cells.length; i++) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = values[i] as number;
    }
  }
}
