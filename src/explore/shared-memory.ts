type Shared = {
  readonly buffer: SharedArrayBuffer;
  /** Address of its first byte in the explorer's numbering. */
  readonly base: number;
  readonly bytes: Uint8Array;
  /** The bytes after setup. */
  readonly fresh: Uint8Array;
  /** For comparing and putting back within a schedule. */
  readonly kept: Uint8Array;
  /** The same three as words; a rest of less than a word is left out. */
  readonly words: Int32Array;
  readonly freshWords: Int32Array;
  readonly keptWords: Int32Array;
  /** The words that some operation may have written, in any schedule; and which they are. */
  readonly touched: number[];
  readonly isTouched: Uint8Array;
};

type View = { readonly path: string; readonly at: number; readonly bytes: number; readonly step: number };

/** Buffers start on multiples of this, so that no two of them share an address. */
const GAP = 64;
/** Up to this many bytes a loop is faster than a call. */
const SMALL = 64;

/**
 * The buffers that the threads of a scenario share: all SharedArrayBuffers that the state leads to, and those that
 * setup made. Numbers their bytes, so that two views of the same bytes are the same place, and puts all of them back
 * as they were after setup.
 */
export class SharedMemory {
  readonly #shared: Shared[] = [];
  readonly #views: View[] = [];
  readonly #names: ((buffer: SharedArrayBuffer, byteOffset: number) => string | undefined) | undefined;
  #end = GAP;
  #whole = true;
  #lastBuffer: ArrayBufferLike | undefined;
  #lastBase = -1;

  constructor(
    state: unknown,
    made: readonly SharedArrayBuffer[],
    names?: (buffer: SharedArrayBuffer, byteOffset: number) => string | undefined,
  ) {
    this.#names = names;
    this.#collect(state, 's', new Set());
    for (const buffer of made) this.#add(buffer);
  }

  get buffers(): readonly SharedArrayBuffer[] {
    return this.#shared.map((shared) => shared.buffer);
  }

  /** The address of the array's first byte; -1 where it is not shared. */
  locate(array: ArrayBufferView): number {
    const buffer = array.buffer;
    if (buffer !== this.#lastBuffer) {
      this.#lastBuffer = buffer;
      this.#lastBase = -1;
      for (const shared of this.#shared) if (shared.buffer === buffer) this.#lastBase = shared.base;
    }
    return this.#lastBase < 0 ? -1 : this.#lastBase + array.byteOffset;
  }

  /** Which buffer an address lies in, and where. */
  place(at: number): { buffer: number; byteOffset: number } {
    for (let i = this.#shared.length - 1; i >= 0; i--) {
      const shared = this.#shared[i];
      if (shared !== undefined && at >= shared.base) return { buffer: i, byteOffset: at - shared.base };
    }
    return { buffer: -1, byteOffset: at };
  }

  /** The name of a word: what the scenario calls it, else array and index within the state. */
  nameOf(at: number, size: number): string {
    const { buffer, byteOffset } = this.place(at);
    const shared = this.#shared[buffer];
    if (shared === undefined) return `byte ${at}`;
    const given = this.#names?.(shared.buffer, byteOffset);
    if (given !== undefined && given !== '') return given;
    const holds = this.#views.filter((view) => at >= view.at && at + size <= view.at + view.bytes);
    const view = holds.find((each) => each.step === size) ?? holds[0];
    if (view === undefined) return `buffer${buffer}+${byteOffset}`;
    if (view.step === size) return `${view.path}[${(at - view.at) / size}]`;
    return `${view.path}+${at - view.at}`;
  }

  /**
   * Off where all that changes the bytes within a schedule is operations, each of them told by {@link touch}: then only
   * the words that one of them has written are copied, and the others are compared, which takes a third of the time.
   */
  get whole(): boolean {
    return this.#whole;
  }

  set whole(whole: boolean) {
    if (this.#whole && !whole) for (const { fresh, kept } of this.#shared) kept.set(fresh);
    this.#whole = whole;
  }

  /** An operation that may write these bytes is about to be done for the first time. */
  touch(at: number, size: number): void {
    const { buffer, byteOffset } = this.place(at);
    const shared = this.#shared[buffer];
    if (shared === undefined) return;
    for (let word = byteOffset >> 2; word <= (byteOffset + size - 1) >> 2; word++) {
      if (shared.isTouched[word] !== 0) continue;
      shared.isTouched[word] = 1;
      shared.touched.push(word);
    }
  }

  /** Takes the bytes as they are now for those that {@link restore} puts back. */
  markFresh(): void {
    for (const { bytes, fresh, kept } of this.#shared) {
      fresh.set(bytes);
      kept.set(bytes);
    }
  }

  restore(): void {
    for (const shared of this.#shared) {
      const { bytes, fresh } = shared;
      if (this.#isCopied(shared)) copy(fresh, bytes);
      else {
        copyWords(shared.freshWords, shared.words, shared.touched);
        // What `finally` has written, or code without Atomics.
        if (Buffer.compare(bytes, fresh) !== 0) bytes.set(fresh);
      }
    }
  }

  /** Notes all bytes, for {@link changed} and {@link putBack}. */
  keep(): void {
    for (const shared of this.#shared) {
      if (this.#isCopied(shared)) copy(shared.bytes, shared.kept);
      else copyWords(shared.words, shared.keptWords, shared.touched);
    }
  }

  putBack(): void {
    for (const shared of this.#shared) {
      if (this.#isCopied(shared)) copy(shared.kept, shared.bytes);
      else copyWords(shared.keptWords, shared.words, shared.touched);
    }
  }

  #isCopied({ bytes, touched }: Shared): boolean {
    return this.#whole || bytes.length <= SMALL || touched.length > bytes.length >> 5;
  }

  get size(): number {
    return this.#shared.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** A copy of all bytes, for {@link load}. */
  save(): Uint8Array {
    const saved = new Uint8Array(this.size);
    let at = 0;
    for (const { bytes } of this.#shared) {
      saved.set(bytes, at);
      at += bytes.length;
    }
    return saved;
  }

  load(saved: Uint8Array): void {
    let at = 0;
    for (const { bytes } of this.#shared) {
      bytes.set(saved.subarray(at, at + bytes.length));
      at += bytes.length;
    }
  }

  /** Changes every one of some bytes, each in another way, to see whether anybody looks at them without Atomics. */
  garble(at: number, size: number, salt: number): void {
    this.touch(at, size);
    const { buffer, byteOffset } = this.place(at);
    const bytes = this.#shared[buffer]?.bytes;
    for (let i = 0; bytes !== undefined && i < size; i++) {
      bytes[byteOffset + i] =
        (bytes[byteOffset + i] as number) ^ (Math.imul(at + i + salt, 0x9e3779b1) >>> 24) ^ 1;
    }
  }

  /** The address of the first byte that is not as {@link keep} saw it; -1 where none is. */
  changed(): number {
    for (const { bytes, kept, base } of this.#shared) {
      if (bytes.length > SMALL && Buffer.compare(bytes, kept) === 0) continue;
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== kept[i]) return base + i;
    }
    return -1;
  }

  /** The address of the first byte that differs from those of another memory of the same shape; -1 where none does. */
  differs(other: SharedMemory): number {
    if (this.#shared.length !== other.#shared.length) return 0;
    for (const [i, { bytes, base }] of this.#shared.entries()) {
      const theirs = other.#shared[i]?.bytes;
      if (theirs === undefined || theirs.length !== bytes.length) return base;
      for (let k = 0; k < bytes.length; k++) if (bytes[k] !== theirs[k]) return base + k;
    }
    return -1;
  }

  #add(buffer: SharedArrayBuffer): number {
    const known = this.#shared.find((shared) => shared.buffer === buffer);
    if (known !== undefined) return known.base;
    const base = this.#end;
    const length = buffer.byteLength;
    this.#end = base + Math.ceil(length / GAP) * GAP + GAP;
    const fresh = new Uint8Array(length);
    fresh.set(new Uint8Array(buffer));
    const kept = new Uint8Array(length);
    const words = length >> 2;
    this.#shared.push({
      buffer,
      base,
      bytes: new Uint8Array(buffer),
      fresh,
      kept,
      words: new Int32Array(buffer, 0, words),
      freshWords: new Int32Array(fresh.buffer, 0, words),
      keptWords: new Int32Array(kept.buffer, 0, words),
      touched: [],
      isTouched: new Uint8Array(words + 1),
    });
    return base;
  }

  #collect(value: unknown, path: string, seen: Set<unknown>): void {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof SharedArrayBuffer) {
      this.#add(value);
      return;
    }
    if (ArrayBuffer.isView(value)) {
      if (!(value.buffer instanceof SharedArrayBuffer)) return;
      const base = this.#add(value.buffer);
      const step = 'BYTES_PER_ELEMENT' in value ? Number(value.BYTES_PER_ELEMENT) : 1;
      this.#views.push({ path, at: base + value.byteOffset, bytes: value.byteLength, step });
      return;
    }
    if (value instanceof Map) {
      for (const [key, entry] of value) this.#collect(entry, `${path}.get(${String(key)})`, seen);
      return;
    }
    if (Array.isArray(value)) {
      for (const [i, entry] of value.entries()) this.#collect(entry, `${path}[${i}]`, seen);
      return;
    }
    for (const [key, entry] of Object.entries(value)) this.#collect(entry, `${path}.${key}`, seen);
  }
}

function copy(from: Uint8Array, to: Uint8Array): void {
  if (from.length > SMALL) to.set(from);
  else for (let i = 0; i < from.length; i++) to[i] = from[i] as number;
}

function copyWords(from: Int32Array, to: Int32Array, which: readonly number[]): void {
  for (let i = 0; i < which.length; i++) {
    const word = which[i] as number;
    to[word] = from[word] as number;
  }
}
