import { execute } from './execute.ts';
import { Image } from './image.ts';
import type { ElementArray, Point, Value } from './operation.ts';
import { Restart } from './restart.ts';
import { type Alias, type Names, type Shared, SharedBuffers } from './shared-buffers.ts';
import { type Cells, UndoLog } from './undo-log.ts';

/**
 * How the bytes are put back:
 * - copied: all of them, from a copy. For memory of a few words, and for real threads, whose writes nobody tells of.
 * - logged: those that operations have written, from a log of what was there before. What a schedule costs follows what
 *   it writes, and not the size of the memory.
 * - tracked: as logged, and what the threads' code has written unseen is found by comparing all bytes with a copy, after
 *   each run of the code. For code that uses shared memory in ways that are no operations.
 */
type Mode = 'copied' | 'logged' | 'tracked';

/** The copies of one buffer's bytes that its mode needs. */
type Copies = {
  image: Image;
  /** Of a small buffer all bytes after setup; of a larger one none. */
  readonly fresh: Uint8Array | undefined;
  /** Copied: the bytes when {@link SharedMemory.keep} was called. Tracked: the bytes as far as they are known. */
  shadow: Uint8Array | undefined;
};

/** What a thread has written to bytes that no other thread touches, with what was there at the start. */
type OwnWrite = {
  readonly cells: Cells;
  readonly shared: number;
  readonly index: number;
  readonly before: number;
};

/** Up to this many bytes in all, copying is faster than a log. */
const SMALL = 64;
/** Memory up to this size is compared whole each time that unseen writes are looked for. */
const COMPARED = 4096;
/** The first looks for unseen writes compare the whole memory; later ones as often as takes a twentieth of the time. */
const FIRST_LOOKS = 8;
const LOOK_SHARE = 20;
/** What a run of a thread's code takes at least, and how many bytes are compared in that time. */
const BYTES_A_RUN = 8192;

// Taken before they are replaced; see controlled-views.ts.
const { compare } = Buffer;
const setBytes = Function.prototype.call.bind(Uint8Array.prototype.set) as (
  to: Uint8Array,
  from: Uint8Array,
) => void;

/**
 * The bytes that the threads of a scenario share: puts all of them back as they were after setup, and between the runs
 * of the threads' code as they were before.
 */
export class SharedMemory extends SharedBuffers {
  /** Operations are done as they are, without a log. */
  copied = true;
  #mode: Mode = 'copied';
  #next: Mode = 'copied';
  readonly #copies: Copies[] = [];
  readonly #log = new UndoLog();
  readonly #values: number[] = [];
  readonly #own: OwnWrite[][] = [];
  #mark = 0;
  #kept = 0;
  #looks = 0;
  #credit = 0;
  /** Compare the whole memory each time that unseen writes are looked for. */
  alwaysLooks = false;

  constructor(state: unknown, made: readonly SharedArrayBuffer[], names?: Names, aliases?: readonly Alias[]) {
    super(state, made, names, aliases);
    this.markFresh();
  }

  /** Takes the bytes as they are now for those that {@link restore} puts back. */
  markFresh(): void {
    this.#log.clear();
    for (const [i, shared] of this.shared.entries()) this.#copies[i] = copiesOf(shared);
  }

  protected override adopt(buffer: SharedArrayBuffer): Shared | undefined {
    const shared = super.adopt(buffer);
    if (shared !== undefined) {
      const copies = copiesOf(shared);
      this.#copies.push(copies);
      if (this.#mode !== 'logged') copies.shadow = new Uint8Array(shared.bytes);
      if (this.#next === 'logged' || this.#next === 'copied') this.searchFast();
    }
    return shared;
  }

  /** From the next schedule on: threads change shared memory by operations only. */
  searchFast(): void {
    this.#next = this.size <= SMALL ? 'copied' : 'logged';
  }

  /** From the next schedule on: threads also change shared memory unseen. */
  searchExactly(): void {
    this.#next = 'tracked';
  }

  /** Puts everything back as it was after setup. */
  restore(): void {
    for (let t = 0; t < this.#own.length; t++) this.beginRun(t);
    if (this.#mode === 'copied') this.#copyFresh();
    else {
      if (this.#mode === 'logged') this.#log.rollTo(0);
      else {
        this.#log.travel(0);
        this.#log.clear();
      }
      // What `finally` has written unseen.
      if ((this.#mode === 'tracked' || this.#isDue()) && this.#restoreUnseen()) this.#sawUnseen();
    }
    if (this.#mode !== this.#next) this.#changeMode();
    else if (this.#mode === 'tracked') this.#shadowAll();
    this.#mark = 0;
  }

  #changeMode(): void {
    this.#mode = this.#next;
    this.copied = this.#mode === 'copied';
    this.#log.clear();
    for (const copies of this.#copies) copies.shadow = undefined;
    if (this.#mode !== 'logged') this.#shadowAll();
  }

  #shadowAll(): void {
    for (const [i, { bytes }] of this.shared.entries()) {
      const copies = this.#copies[i] as Copies;
      if (copies.shadow === undefined) copies.shadow = new Uint8Array(bytes);
      else if (compare(copies.shadow, bytes) !== 0) setBytes(copies.shadow, bytes);
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

  /** An unseen write was found. Where not every schedule before was looked at, they may have met it: start over. */
  #sawUnseen(): void {
    if (this.#mode === 'tracked' || this.size <= COMPARED || this.alwaysLooks) return;
    this.alwaysLooks = true;
    if (this.#looks >= FIRST_LOOKS) throw new Restart();
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

  /** Does an operation on the memory, and remembers what it has written. */
  execute(point: Point): Value {
    if (!point.writes || this.#mode === 'copied') return execute(point);
    if (this.#mode === 'logged') {
      if (point.words !== undefined) this.#log.push(point.words, point.index);
      else this.#logRange(point.at, point.size);
      return execute(point);
    }
    const answer = execute(point);
    this.#absorbRange(point.at, point.size);
    return answer;
  }

  /** Some bytes are about to be written outside all threads. */
  willWrite(at: number, size: number): void {
    if (this.#mode === 'logged') this.#logRange(at, size);
  }

  /** How many writes there have been in this schedule; {@link travel} goes to such a time. Tracked only. */
  get position(): number {
    return this.#log.length;
  }

  /** Makes the memory what it was at some time of this schedule. Tracked only. */
  travel(position: number): void {
    this.#log.travel(position);
  }

  /** Takes what the code that has just run has written unseen for what the memory is now. Tracked only. */
  absorb(): void {
    if (this.#mode !== 'tracked') return;
    for (const [i, shared] of this.shared.entries()) {
      const shadow = (this.#copies[i] as Copies).shadow as Uint8Array;
      if (compare(shared.bytes, shadow) === 0) continue;
      for (let at = 0; at < shadow.length; at += 4096) {
        const until = Math.min(at + 4096, shadow.length);
        if (compare(part(shared.bytes, at, until), part(shadow, at, until)) === 0) continue;
        this.#absorbRange(shared.base + at, until - at);
      }
    }
  }

  /** Notes all bytes, for {@link changed} and {@link putBack}. */
  keep(): void {
    if (this.#mode === 'copied') this.#copyToShadow();
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
    } else if (this.#mode === 'logged') this.#log.rollTo(this.#mark);
    else {
      this.#log.travel(this.#log.length);
      for (const [i, { bytes }] of this.shared.entries()) {
        const { shadow } = this.#copies[i] as Copies;
        if (shadow !== undefined && compare(bytes, shadow) !== 0) setBytes(bytes, shadow);
      }
    }
  }

  /**
   * The address of a byte that is not as {@link keep} saw it; -1 where none is found. A large memory is not compared
   * whole each time.
   */
  changed(): number {
    if (this.#mode === 'tracked') return -1;
    if (this.#mode === 'copied') {
      for (let i = 0; i < this.shared.length; i++) {
        const { bytes, base } = this.shared[i] as Shared;
        const kept = (this.#copies[i] as Copies).shadow as Uint8Array;
        if (bytes.length > SMALL && compare(bytes, kept) === 0) continue;
        for (let k = 0; k < bytes.length; k++) if (bytes[k] !== kept[k]) return base + k;
      }
      return -1;
    }
    const i = this.#log.difference(this.#values, this.#kept);
    if (i >= 0) return this.#addressOf(this.#log.cellOf(i));
    const at = this.#isDue() ? this.#unseenAnywhere() : -1;
    if (at >= 0) this.#sawUnseen();
    return at;
  }

  /** Looks at the whole memory once more, at the end of a search, between two schedules. */
  lookAtLast(): void {
    if (this.#mode !== 'logged' || this.size <= COMPARED || this.alwaysLooks) return;
    this.restore();
    if (this.#unseenAnywhere() >= 0) this.#sawUnseen();
  }

  /** Compares the whole memory with what operations have made of it; the address of a byte that differs, or -1. */
  #unseenAnywhere(): number {
    const values: number[] = [];
    this.#log.values(values);
    const own = this.#own.flat();
    const ownValues = own.map(({ cells, index }) => cells[index] as number);
    for (const { cells, index, before } of own.reverse()) cells[index] = before;
    this.#log.takeBack();
    let at = -1;
    for (let i = 0; i < this.shared.length && at < 0; i++) {
      const { bytes, base } = this.shared[i] as Shared;
      const found = (this.#copies[i] as Copies).image.difference(bytes);
      if (found >= 0) at = base + found;
    }
    this.#log.put(values);
    for (const [i, { cells, index }] of own.reverse().entries()) cells[index] = ownValues[i] as number;
    return at;
  }

  /** Whether it is time to compare the whole memory. */
  #isDue(): boolean {
    if (this.size <= COMPARED || this.alwaysLooks) return true;
    if (this.#looks < FIRST_LOOKS) {
      this.#looks++;
      return true;
    }
    this.#credit += BYTES_A_RUN + this.#log.length * 16;
    if (this.#credit < this.size * LOOK_SHARE) return false;
    this.#credit = 0;
    return true;
  }

  /** Changes every one of some bytes, each in another way, to see whether anybody looks at them without operations. */
  garble(at: number, size: number, salt: number): void {
    if (this.#mode === 'logged') this.#logRange(at, size);
    const { buffer, byteOffset } = this.place(at);
    const bytes = this.shared[buffer]?.bytes;
    for (let i = 0; bytes !== undefined && i < size; i++) {
      bytes[byteOffset + i] =
        (bytes[byteOffset + i] as number) ^ (Math.imul(at + i + salt, 0x9e3779b1) >>> 24) ^ 1;
    }
  }

  /** The address of the first byte that differs from those of another memory of the same shape; -1 where none does. */
  differs(other: SharedMemory): number {
    if (this.shared.length !== other.shared.length) return 0;
    for (const [i, { bytes, base }] of this.shared.entries()) {
      const theirs = other.shared[i]?.bytes;
      if (theirs === undefined || theirs.length !== bytes.length) return base;
      if (compare(bytes, theirs) === 0) continue;
      for (let k = 0; k < bytes.length; k++) if (bytes[k] !== theirs[k]) return base + k;
    }
    return -1;
  }

  /** Thread `t`'s code starts anew: the bytes that only it touches are as they were at its start. */
  beginRun(t: number): void {
    const writes = this.#own[t];
    if (writes === undefined || writes.length === 0) return;
    for (let i = writes.length - 1; i >= 0; i--) {
      const { cells, shared, index, before } = writes[i] as OwnWrite;
      cells[index] = before;
      this.#mirror(shared, cells, index);
    }
    writes.length = 0;
  }

  /** Thread `t` writes an element that only it touches: done at once, and each time that its code runs. */
  writeOwn(t: number, array: ElementArray, index: number, at: number, value: number | bigint): void {
    const { buffer, byteOffset } = this.place(at);
    const { words, bytes } = this.shared[buffer] as Shared;
    this.#own[t] ??= [];
    const own = this.#own[t] as OwnWrite[];
    const size = array.BYTES_PER_ELEMENT;
    const from = own.length;
    for (let word = byteOffset >> 2; word <= (byteOffset + size - 1) >> 2; word++) {
      if (word < words.length)
        own.push({ cells: words, shared: buffer, index: word, before: words[word] as number });
      else {
        for (let i = words.length * 4; i < bytes.length; i++) {
          own.push({ cells: bytes, shared: buffer, index: i, before: bytes[i] as number });
        }
      }
    }
    array[index] = value as number;
    for (let i = from; i < own.length; i++) {
      const { cells, index: cell } = own[i] as OwnWrite;
      this.#mirror(buffer, cells, cell);
    }
  }

  /** A copy of the bytes has to have what is no unseen write. */
  #mirror(shared: number, cells: Cells, index: number): void {
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
    const { buffer, byteOffset } = this.place(at);
    const shared = this.shared[buffer];
    if (shared === undefined) return;
    const { words, bytes } = shared;
    for (let word = byteOffset >> 2; word <= (byteOffset + size - 1) >> 2; word++) {
      if (word < words.length) this.#log.push(words, word);
      else for (let i = words.length * 4; i < bytes.length; i++) this.#log.push(bytes, i);
    }
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

function part(bytes: Uint8Array, from: number, until: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, until - from);
}
