/** Words of a buffer, or the bytes of its incomplete last word. */
export type Cells = Int32Array | Uint8Array;

/** Writes in order, with the old values, for undoing and redoing. */
export class UndoLog {
  #length = 0;
  /** The number of writes in force; {@link travel} has undone the others. */
  #position = 0;
  readonly #cells: Cells[] = [];
  readonly #indexes: number[] = [];
  readonly #before: number[] = [];
  readonly #after: number[] = [];

  get length(): number {
    return this.#length;
  }

  /** Records that the cell is about to be written. */
  push(cells: Cells, index: number): void {
    const i = this.#length;
    this.#cells[i] = cells;
    this.#indexes[i] = index;
    this.#before[i] = cells[index] as number;
    this.#length = i + 1;
    this.#position = i + 1;
  }

  /** Records a write to the cell: `before` and `after` are its values. */
  add(cells: Cells, index: number, before: number, after: number): void {
    this.push(cells, index);
    this.#before[this.#length - 1] = before;
    this.#after[this.#length - 1] = after;
  }

  /** Undoes all writes but the first `length`, and forgets them. */
  rollTo(length: number): void {
    for (let i = this.#length - 1; i >= length; i--) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = this.#before[i] as number;
    }
    this.#length = length;
    this.#position = length;
  }

  /** Restores the memory after the first `position` writes; {@link add} has recorded each. */
  travel(position: number): void {
    for (let i = this.#position - 1; i >= position; i--) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = this.#before[i] as number;
    }
    for (let i = this.#position; i < position; i++) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = this.#after[i] as number;
    }
    this.#position = position;
  }

  /** Forgets all writes. */
  clear(): void {
    this.#length = 0;
    this.#position = 0;
  }

  /** The present value of each written cell, for {@link difference} and {@link put}. */
  values(into: number[]): void {
    for (let i = 0; i < this.#length; i++)
      into[i] = (this.#cells[i] as Cells)[this.#indexes[i] as number] as number;
  }

  /** The first write whose cell lacks the given value; -1 for none. */
  difference(values: readonly number[], count: number): number {
    for (let i = 0; i < count; i++) {
      if ((this.#cells[i] as Cells)[this.#indexes[i] as number] !== values[i]) return i;
    }
    return -1;
  }

  put(values: readonly number[]): void {
    for (let i = 0; i < this.#length; i++) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = values[i] as number;
    }
  }

  /** Undoes all writes without forgetting them; {@link put} redoes them. */
  takeBack(): void {
    for (let i = this.#length - 1; i >= 0; i--) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = this.#before[i] as number;
    }
  }

  /** The cell of a write. */
  cellOf(i: number): { readonly cells: Cells; readonly index: number } {
    return { cells: this.#cells[i] as Cells, index: this.#indexes[i] as number };
  }
}
