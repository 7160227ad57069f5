/** Words of a buffer, or the bytes of its rest of less than a word. */
export type Cells = Int32Array | Uint8Array;

/** Writes in their order, with what was there before, so that they can be taken back; and done again. */
export class UndoLog {
  #length = 0;
  /** How many of the writes are in force; the others were taken back by {@link travel}. */
  #position = 0;
  readonly #cells: Cells[] = [];
  readonly #indexes: number[] = [];
  readonly #before: number[] = [];
  readonly #after: number[] = [];

  get length(): number {
    return this.#length;
  }

  /** The cell is about to be written. */
  push(cells: Cells, index: number): void {
    const i = this.#length;
    this.#cells[i] = cells;
    this.#indexes[i] = index;
    this.#before[i] = cells[index] as number;
    this.#length = i + 1;
    this.#position = i + 1;
  }

  /** The cell was written: it was `before`, and is `after`. */
  add(cells: Cells, index: number, before: number, after: number): void {
    this.push(cells, index);
    this.#before[this.#length - 1] = before;
    this.#after[this.#length - 1] = after;
  }

  /** Takes back all writes but the first `length`, and forgets them. */
  rollTo(length: number): void {
    for (let i = this.#length - 1; i >= length; i--) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = this.#before[i] as number;
    }
    this.#length = length;
    this.#position = length;
  }

  /** Makes the memory what it was after the first `position` writes; {@link add} has told of each. */
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

  /** The value of each written cell now, for {@link difference} and {@link put}. */
  values(into: number[]): void {
    for (let i = 0; i < this.#length; i++)
      into[i] = (this.#cells[i] as Cells)[this.#indexes[i] as number] as number;
  }

  /** The first write whose cell has not that value; -1 where all have. */
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

  /** Takes back all writes, without forgetting them; {@link put} does them again. */
  takeBack(): void {
    for (let i = this.#length - 1; i >= 0; i--) {
      (this.#cells[i] as Cells)[this.#indexes[i] as number] = this.#before[i] as number;
    }
  }

  /** Where a write went. */
  cellOf(i: number): { readonly cells: Cells; readonly index: number } {
    return { cells: this.#cells[i] as Cells, index: this.#indexes[i] as number };
  }
}
