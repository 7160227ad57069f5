import { execute } from '../running/execute.ts';
import type { ElementArray, Point, Value } from '../running/operation.ts';
import { noteElement } from '../running/round-marks.ts';
import { Image } from './image.ts';
import { OwnWrites } from './own-writes.ts';
import { partOf, sameBytes, setBytes } from './raw-bytes.ts';
import { type Shared, SharedBuffers } from './shared-buffers.ts';
import { TouchedCells } from './touched-cells.ts';
import { type Cells, UndoLog } from './undo-log.ts';
import { UnseenLooks } from './unseen-looks.ts';

/**
 * How the bytes are restored:
 * - copied: all of them, from a copy. For memory of a few words, and for real threads, whose writes are not reported.
 * - touched: the bytes that operations write in any schedule, while they are few.
 * - logged: the bytes that operations have written, from a log of the old values. The cost of a schedule follows its
 *   writes, and not the size of the memory.
 * - tracked: as logged; in addition, unseen writes of the threads' code are found by comparing all bytes with
 *   a copy after each run of the code. For code that uses shared memory in ways that are no operations.
 */
type Mode = 'copied' | 'touched' | 'logged' | 'tracked';

/** The copies of one buffer's bytes that the mode needs. */
type Copies = {
  image: Image;
  /** All bytes of a small buffer after setup; undefined for a larger buffer. */
  readonly fresh: Uint8Array | undefined;
  /** Copied: the bytes at the call of {@link SharedMemory.keep}. Tracked: the known bytes. */
  shadow: Uint8Array | undefined;
};

/** Up to this many bytes in total, copying is faster than a log. */
const SMALL = 64;
/** Up to this many cells, restore all without checking which of them a schedule has written. */
const MOST_TOUCHED = 64;

/**
 * The bytes that the threads of a scenario share: restores all of them to their state after setup, and, between runs of
 * the threads' code, to their state before.
 */
export class SharedMemory extends SharedBuffers {
  /** Whether operations run directly, without a log. */
  copied = true;
  #mode: Mode = 'copied';
  #next: Mode = 'copied';
  readonly #copies: Copies[] = [];
  readonly #log = new UndoLog();
  readonly #touched = new TouchedCells();
  readonly #values: number[] = [];
  readonly #own = new OwnWrites();
  #mark = 0;
  #kept = 0;
  readonly #looks = new UnseenLooks();
  readonly #mirrors = (shared: number, cells: Cells, index: number) => this.#mirror(shared, cells, index);

  /** Whether every check for unseen writes compares the whole memory. */
  get alwaysLooks(): boolean {
    return this.#looks.each;
  }

  /** Makes the present bytes the bytes that {@link restore} restores. */
  markFresh(): void {
    this.#log.clear();
    for (const [i, shared] of this.shared.entries()) this.#copies[i] = copiesOf(shared);
  }

  protected override adopt(buffer: SharedArrayBuffer): Shared | undefined {
    const shared = super.adopt(buffer);
    if (shared !== undefined) {
      const copies = copiesOf(shared);
      this.#copies.push(copies);
      if (this.#mode === 'copied' || this.#mode === 'tracked') copies.shadow = new Uint8Array(shared.bytes);
      if (this.#next !== 'tracked') this.searchFast();
    }
    return shared;
  }

  /** From the next schedule on: threads change shared memory only by operations. */
  searchFast(): void {
    this.#next = this.size <= SMALL ? 'copied' : this.#touched.count <= MOST_TOUCHED ? 'touched' : 'logged';
  }

  /** From the next schedule on: threads also change shared memory unseen. */
  searchExactly(): void {
    this.#next = 'tracked';
  }

  /** Restores everything to its state after setup. */
  restore(): void {
    if (this.#mode === 'copied') {
      this.#forgetOwn();
      this.#copyFresh();
    } else {
      // Undo the writes of `finally` first: they may be to bytes that a thread owned.
      if (this.#mode === 'touched') this.#touched.restore();
      else if (this.#mode === 'logged') this.#log.rollTo(0);
      else {
        this.#log.travel(0);
        this.#log.clear();
      }
      this.#forgetOwn();
      // Undo unseen writes of `finally`.
      if ((this.#mode === 'tracked' || this.#isDue()) && this.#restoreUnseen()) this.#sawUnseen();
    }
    if (this.#next === 'touched' && this.#touched.count > MOST_TOUCHED) this.#next = 'logged';
    if (this.#mode !== this.#next) this.#changeMode();
    else if (this.#mode === 'tracked') this.#shadowAll();
    this.#mark = 0;
  }

  #forgetOwn(): void {
    for (let t = 0; t < this.#own.threads; t++) this.beginRun(t);
  }

  #changeMode(): void {
    this.#mode = this.#next;
    this.copied = this.#mode === 'copied' || this.#mode === 'touched';
    this.#log.clear();
    for (const copies of this.#copies) copies.shadow = undefined;
    if (this.#mode === 'copied' || this.#mode === 'tracked') this.#shadowAll();
  }

  #shadowAll(): void {
    for (const [i, { bytes }] of this.shared.entries()) {
      const copies = this.#copies[i] as Copies;
      if (copies.shadow === undefined) copies.shadow = new Uint8Array(bytes);
      else if (!sameBytes(copies.shadow, bytes)) setBytes(copies.shadow, bytes);
    }
  }

  #copyFresh(): void {
    for (let i = 0; i < this.shared.length; i++) {
      const { bytes } = this.shared[i] as Shared;
      const { fresh, image } = this.#copies[i] as Copies;
      if (fresh === undefined) image.restore(bytes);
      else copy(fresh, bytes);
    }
  }

  #sawUnseen(): void {
    if (this.#mode !== 'tracked') this.#looks.found(this.size);
  }

  #restoreUnseen(): boolean {
    let found = false;
    for (const [i, { bytes }] of this.shared.entries()) {
      const { image } = this.#copies[i] as Copies;
      if (image.difference(bytes) < 0) continue;
      image.restore(bytes);
      found = true;
    }
    return found;
  }

  /** Does an operation on the memory, and remembers its write. */
  execute(point: Point): Value {
    if (!point.writes || this.copied) return execute(point);
    if (this.#mode === 'logged') {
      if (point.words !== undefined) this.#log.push(point.words, point.index);
      else this.#logRange(point.at, point.size);
      return execute(point);
    }
    const answer = execute(point);
    this.#absorbRange(point.at, point.size);
    return answer;
  }

  /** Records a new operation that may write these bytes. */
  touch(at: number, size: number): void {
    if (this.#touched.count <= MOST_TOUCHED || this.#mode === 'touched') this.#touch(at, size);
  }

  /** Announces a write to bytes outside all threads. */
  willWrite(at: number, size: number): void {
    if (this.#mode === 'touched') this.#touch(at, size);
    else if (this.#mode === 'logged') this.#logRange(at, size);
  }

  #touch(at: number, size: number): void {
    this.eachCell(at, size, (cells, index, shared) => {
      const { image } = this.#copies[shared] as Copies;
      this.#touched.add(cells, index, image.cell(index, cells.BYTES_PER_ELEMENT));
    });
  }

  /** The number of writes in this schedule, a time for {@link travel}. Tracked only. */
  get position(): number {
    return this.#log.length;
  }

  /** Restores the memory of some time of this schedule. Tracked only. */
  travel(position: number): void {
    this.#log.travel(position);
  }

  /** Accepts unseen writes of the code that has just run as the present memory. Tracked only. */
  absorb(): void {
    if (this.#mode !== 'tracked') return;
    for (const [i, shared] of this.shared.entries()) {
      const shadow = (this.#copies[i] as Copies).shadow as Uint8Array;
      if (sameBytes(shared.bytes, shadow)) continue;
      for (let at = 0; at < shadow.length; at += 4096) {
        const until = Math.min(at + 4096, shadow.length);
        if (sameBytes(partOf(shared.bytes, at, until), partOf(shadow, at, until))) continue;
        this.#absorbRange(shared.base + at, until - at);
      }
    }
  }

  /** Saves all bytes, for {@link changed} and {@link putBack}. */
  keep(): void {
    if (this.#mode === 'copied') this.#copyToShadow();
    else if (this.#mode === 'touched') this.#touched.keep();
    else if (this.#mode === 'logged') {
      this.#mark = this.#log.length;
      this.#kept = this.#mark;
      this.#log.values(this.#values);
    }
  }

  putBack(): void {
    if (this.#mode === 'copied') {
      for (let i = 0; i < this.shared.length; i++) {
        copy((this.#copies[i] as Copies).shadow as Uint8Array, (this.shared[i] as Shared).bytes);
      }
    } else if (this.#mode === 'touched') this.#touched.putBack();
    else if (this.#mode === 'logged') this.#log.rollTo(this.#mark);
    else {
      this.#log.travel(this.#log.length);
      for (const [i, { bytes }] of this.shared.entries()) {
        const { shadow } = this.#copies[i] as Copies;
        if (shadow !== undefined && !sameBytes(bytes, shadow)) setBytes(bytes, shadow);
      }
    }
  }

  /**
   * The address of a byte that has changed since {@link keep}; -1 if none is found. Does not compare all of a large
   * memory each time.
   */
  changed(): number {
    if (this.#mode === 'tracked') return -1;
    if (this.#mode === 'copied') {
      for (let i = 0; i < this.shared.length; i++) {
        const { bytes, base } = this.shared[i] as Shared;
        const kept = (this.#copies[i] as Copies).shadow as Uint8Array;
        if (bytes.length > SMALL && sameBytes(bytes, kept)) continue;
        for (let k = 0; k < bytes.length; k++) if (bytes[k] !== kept[k]) return base + k;
      }
      return -1;
    }
    if (this.#mode === 'touched') {
      const cell = this.#touched.changed();
      if (cell !== undefined) return this.#addressOf(cell);
      const found = this.#isDue() ? this.#touched.whileFresh(() => this.#unseenAnywhere()) : -1;
      if (found >= 0) this.#sawUnseen();
      return found;
    }
    const i = this.#log.difference(this.#values, this.#kept);
    if (i >= 0) return this.#addressOf(this.#log.cellOf(i));
    const at = this.#isDue() ? this.#unseenAnywhere() : -1;
    if (at >= 0) this.#sawUnseen();
    return at;
  }

  /** Compares the whole memory once more, at the end of a search, between two schedules. */
  lookAtLast(): void {
    if (
      this.copied !== (this.#mode === 'touched') ||
      this.#mode === 'tracked' ||
      this.#looks.missNothing(this.size)
    )
      return;
    this.restore();
    if (this.#unseenAnywhere() >= 0) this.#sawUnseen();
  }

  /** Compares the whole memory with the effects of operations; the address of a byte that differs, or -1. */
  #unseenAnywhere(): number {
    const values: number[] = [];
    this.#log.values(values);
    this.#own.hide();
    this.#log.takeBack();
    let at = -1;
    for (let i = 0; i < this.shared.length && at < 0; i++) {
      const { bytes, base } = this.shared[i] as Shared;
      const found = (this.#copies[i] as Copies).image.difference(bytes);
      if (found >= 0) at = base + found;
    }
    this.#log.put(values);
    this.#own.show();
    return at;
  }

  #isDue(): boolean {
    return this.#looks.isDue(this.size, this.#log.length);
  }

  /** Changes every byte of a range, each in another way, to detect reads that are no operations. */
  garble(at: number, size: number, salt: number): void {
    this.willWrite(at, size);
    const { buffer, byteOffset } = this.place(at);
    const bytes = this.shared[buffer]?.bytes;
    for (let i = 0; bytes !== undefined && i < size; i++) {
      bytes[byteOffset + i] =
        (bytes[byteOffset + i] as number) ^ (Math.imul(at + i + salt, 0x9e3779b1) >>> 24) ^ 1;
    }
  }

  /** Begins a new run of thread `t`'s code: restores the bytes that only this thread touches. */
  beginRun(t: number): void {
    if (this.#own.count(t) > 0) this.#own.takeBack(t, this.#mirrors);
  }

  /** Writes an element that only thread `t` touches: done at once, in each run of the thread's code. */
  writeOwn(t: number, array: ElementArray, index: number, at: number, value: number | bigint): void {
    const from = this.#own.count(t);
    this.eachCell(at, array.BYTES_PER_ELEMENT, (cells, cell, shared) =>
      this.#own.add(t, shared, cells, cell),
    );
    const before = array[index];
    array[index] = value as number;
    noteElement(before, array[index]);
    this.#own.forEach(t, from, this.#mirrors);
  }

  /** Updates the copies of the bytes, because this write is not unseen. */
  #mirror(shared: number, cells: Cells, index: number): void {
    if (this.#mode === 'touched') this.#touched.accept(cells, index);
    const { shadow } = this.#copies[shared] as Copies;
    if (shadow === undefined) return;
    const { bytes } = this.shared[shared] as Shared;
    const from = index * cells.BYTES_PER_ELEMENT;
    for (let i = from; i < from + cells.BYTES_PER_ELEMENT; i++) shadow[i] = bytes[i] as number;
  }

  #copyToShadow(): void {
    for (let i = 0; i < this.shared.length; i++) {
      const { bytes } = this.shared[i] as Shared;
      const copies = this.#copies[i] as Copies;
      if (copies.shadow === undefined) copies.shadow = new Uint8Array(bytes);
      else copy(bytes, copies.shadow);
    }
  }

  #logRange(at: number, size: number): void {
    this.eachCell(at, size, (cells, index) => this.#log.push(cells, index));
  }

  #absorbRange(at: number, size: number): void {
    const { buffer, byteOffset } = this.place(at);
    const { words, bytes } = this.shared[buffer] as Shared;
    const shadow = (this.#copies[buffer] as Copies).shadow as Uint8Array;
    const known = new Int32Array(shadow.buffer, 0, words.length);
    for (let word = byteOffset >> 2; word <= (byteOffset + size - 1) >> 2; word++) {
      if (word < words.length) {
        if (words[word] === known[word]) continue;
        this.#log.add(words, word, known[word] as number, words[word] as number);
        known[word] = words[word] as number;
      } else {
        for (let i = words.length * 4; i < bytes.length; i++) {
          if (bytes[i] === shadow[i]) continue;
          this.#log.add(bytes, i, shadow[i] as number, bytes[i] as number);
          shadow[i] = bytes[i] as number;
        }
      }
    }
  }

  #addressOf({ cells, index }: { readonly cells: Cells; readonly index: number }): number {
    return this.locate(cells) + index * cells.BYTES_PER_ELEMENT;
  }
}

function copiesOf({ bytes }: Shared): Copies {
  return {
    image: new Image(bytes),
    fresh: bytes.length <= SMALL ? new Uint8Array(bytes) : undefined,
    shadow: undefined,
  };
}

function copy(from: Uint8Array, to: Uint8Array): void {
  if (from.length > SMALL) setBytes(to, from);
  else for (let i = 0; i < from.length; i++) to[i] = from[i] as number;
}
