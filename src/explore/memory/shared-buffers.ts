import { types } from 'node:util';
import { dataProperties } from '../../base/data-properties.ts';
import { IrqError } from '../../base/irq-error.ts';
import { firstDifference } from './raw-bytes.ts';
import type { Cells } from './undo-log.ts';
import { isMemory } from './web-assembly.ts';

/** Addresses are numbers of 31 bits. */
const MOST_BYTES = 2 ** 30;

/** One shared memory: all SharedArrayBuffer objects over the same bytes are one. */
export type Shared = {
  readonly buffer: SharedArrayBuffer;
  /** Address of the first byte in the explorer's numbering. */
  readonly base: number;
  readonly bytes: Uint8Array;
  /** The same bytes as words, without an incomplete last word. */
  readonly words: Int32Array;
};

type View = { readonly path: string; readonly at: number; readonly bytes: number; readonly step: number };
/** The scenario's name of a word. */
export type Names = (buffer: SharedArrayBuffer, byteOffset: number) => string | undefined;
/** A SharedArrayBuffer object over another buffer's bytes, and that buffer's number. */
export type Alias = readonly [buffer: SharedArrayBuffer, of: number];

/** Alignment of buffers: no two buffers share an address. */
const GAP = 64;

/**
 * The memories that the threads of a scenario share: the SharedArrayBuffers reachable from the state, those that setup
 * made, and those that threads are found to use. Numbers their bytes, so that views of the same bytes are the same
 * place, even through two SharedArrayBuffer objects. structuredClone, postMessage, workerData and the `buffer` of a
 * grown WebAssembly.Memory make such objects.
 */
export class SharedBuffers {
  protected readonly shared: Shared[] = [];
  readonly #aliases: Alias[] = [];
  readonly #views: View[] = [];
  readonly #names: Names | undefined;
  /** Buffers that no two threads share: a thread made them in its own run. */
  readonly #private = new WeakSet<ArrayBufferLike>();
  #end = GAP;
  #lastBuffer: ArrayBufferLike | undefined;
  #lastBase = -1;

  /**
   * @param made - buffers that setup made, in order.
   * @param aliases - the buffers over other buffers' bytes, if known; undefined to find out. Finding out writes to the
   * buffers, so no other thread may run.
   */
  constructor(state: unknown, made: readonly SharedArrayBuffer[], names?: Names, aliases?: readonly Alias[]) {
    this.#names = names;
    const found: SharedArrayBuffer[] = [];
    const seen = new Set<unknown>();
    walk(state, 's', seen, (buffer) => void found.push(buffer));
    const all = [...new Set([...found, ...made])].filter(
      (buffer) => !aliases?.some(([alias]) => alias === buffer),
    );
    if (aliases === undefined) this.#addEach(all);
    else {
      for (const buffer of all) this.#append(buffer);
      this.#aliases.push(...aliases);
    }
    walk(
      state,
      's',
      new Set(),
      () => {},
      (view, path) => {
        const step = 'BYTES_PER_ELEMENT' in view ? Number(view.BYTES_PER_ELEMENT) : 1;
        this.#views.push({ path, at: this.locate(view), bytes: view.byteLength, step });
      },
    );
  }

  get buffers(): readonly SharedArrayBuffer[] {
    return this.shared.map(({ buffer }) => buffer);
  }

  /** Further SharedArrayBuffer objects over the same bytes. */
  get aliases(): readonly Alias[] {
    return this.#aliases;
  }

  get size(): number {
    return this.shared.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** The address of the view's first byte; -1 for private memory. */
  locate(view: ArrayBufferView): number {
    const buffer = view.buffer;
    if (buffer !== this.#lastBuffer) {
      this.#lastBuffer = buffer;
      this.#lastBase = this.#baseOf(buffer);
    }
    return this.#lastBase < 0 ? -1 : this.#lastBase + view.byteOffset;
  }

  /** As {@link locate}, but adopts unknown shared memory. For a thread that runs while no other does. */
  find(view: ArrayBufferView): number {
    const at = this.locate(view);
    if (at >= 0 || !(view.buffer instanceof SharedArrayBuffer) || this.#private.has(view.buffer)) return at;
    this.adopt(view.buffer);
    this.#lastBuffer = undefined;
    return this.locate(view);
  }

  /** Marks a buffer that a thread made in its own run, and that no other thread can reach. */
  keepPrivate(buffer: SharedArrayBuffer): void {
    this.#private.add(buffer);
  }

  /** Adopts a buffer that the state does not lead to, with its present bytes. */
  protected adopt(buffer: SharedArrayBuffer): Shared | undefined {
    const alias = this.shared.findIndex((known) => isSameMemory(known.buffer, buffer));
    const known = this.shared[alias];
    if (known === undefined || buffer.byteLength > known.bytes.length) return this.#append(buffer);
    this.#aliases.push([buffer, alias]);
    return undefined;
  }

  /** The buffer of an address, and the offset in that buffer. */
  place(at: number): { buffer: number; byteOffset: number } {
    for (let i = this.shared.length - 1; i >= 0; i--) {
      const shared = this.shared[i];
      if (shared !== undefined && at >= shared.base) return { buffer: i, byteOffset: at - shared.base };
    }
    return { buffer: -1, byteOffset: at };
  }

  /** The name of a word: the scenario's name, else array and index within the state. */
  nameOf(at: number, size: number): string {
    const { buffer, byteOffset } = this.place(at);
    const shared = this.shared[buffer];
    if (shared === undefined) return `byte ${at}`;
    const given = this.#names?.(shared.buffer, byteOffset);
    if (given !== undefined && given !== '') return given;
    const holds = this.#views.filter((view) => at >= view.at && at + size <= view.at + view.bytes);
    const view = holds.find((each) => each.step === size) ?? holds[0];
    if (view === undefined) return `buffer${buffer}+${byteOffset}`;
    if (view.step === size) return `${view.path}[${(at - view.at) / size}]`;
    return `${view.path}+${at - view.at}`;
  }

  /** The address of the first byte that differs from other memories of the same shape; -1 for none. */
  differs(other: SharedBuffers): number {
    if (this.shared.length !== other.shared.length) return 0;
    for (const [i, { bytes, base }] of this.shared.entries()) {
      const theirs = other.shared[i]?.bytes;
      if (theirs === undefined || theirs.length !== bytes.length) return base;
      const at = firstDifference(bytes, theirs);
      if (at >= 0) return base + at;
    }
    return -1;
  }

  /** Visits bytes as words where whole words are covered, else byte by byte; never visits other bytes. */
  protected eachCell(
    at: number,
    size: number,
    visit: (cells: Cells, index: number, shared: number) => void,
  ): void {
    const { buffer, byteOffset } = this.place(at);
    const shared = this.shared[buffer];
    if (shared === undefined) return;
    const { words, bytes } = shared;
    if (((byteOffset | size) & 3) === 0) {
      for (let word = byteOffset >> 2; word < (byteOffset + size) >> 2; word++) visit(words, word, buffer);
    } else for (let i = byteOffset; i < byteOffset + size; i++) visit(bytes, i, buffer);
  }

  #baseOf(buffer: ArrayBufferLike): number {
    for (const shared of this.shared) if (shared.buffer === buffer) return shared.base;
    const alias = this.#aliases.find(([each]) => each === buffer);
    return alias === undefined ? -1 : (this.shared[alias[1]] as Shared).base;
  }

  /** Adds buffers, some of which may be the same memory; the longest object stands for all of them. */
  #addEach(buffers: readonly SharedArrayBuffer[]): void {
    const groups: SharedArrayBuffer[][] = [];
    for (const buffer of buffers) {
      const group = groups.find(([first]) => first !== undefined && isSameMemory(first, buffer));
      if (group === undefined) groups.push([buffer]);
      else group.push(buffer);
    }
    for (const [number, group] of groups.entries()) {
      const longest = group.reduce((most, each) => (each.byteLength > most.byteLength ? each : most));
      this.#append(longest);
      for (const each of group) if (each !== longest) this.#aliases.push([each, number]);
    }
  }

  #append(buffer: SharedArrayBuffer): Shared {
    const base = this.#end;
    const length = buffer.byteLength;
    this.#end = base + Math.ceil(length / GAP) * GAP + GAP;
    if (this.#end > MOST_BYTES) {
      const [has, most] = [length, MOST_BYTES].map((bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`);
      throw new IrqError(
        'ERR_SCENARIO',
        `the scenario shares a buffer of ${has}; all of its shared memory may have ${most}: make it smaller, as a rule a few words show a race`,
      );
    }
    const bytes = new Uint8Array(buffer, 0, length);
    const shared = { buffer, base, bytes, words: new Int32Array(buffer, 0, length >> 2) };
    this.shared.push(shared);
    return shared;
  }
}

/**
 * Whether two objects share their bytes: changes a byte through one, reads the byte through the other, and
 * restores the byte.
 */
function isSameMemory(one: SharedArrayBuffer, other: SharedArrayBuffer): boolean {
  if (one === other) return true;
  if (one.byteLength === 0 || other.byteLength === 0) return false;
  const mine = new Uint8Array(one, 0, 1);
  const theirs = new Uint8Array(other, 0, 1);
  const before = mine[0] as number;
  const seen = theirs[0];
  mine[0] = before ^ 1;
  const same = theirs[0] !== seen;
  mine[0] = before;
  return same;
}

/** A Map's key in a path; runs no code of objects. */
function show(key: unknown): string {
  return typeof key === 'object' || typeof key === 'function' ? typeof key : String(key);
}

function walk(
  value: unknown,
  path: string,
  seen: Set<unknown>,
  onBuffer: (buffer: SharedArrayBuffer) => void,
  onView?: (view: ArrayBufferView, path: string) => void,
): void {
  // A proxy could run the program's code; the copy of the state refuses proxies.
  if (typeof value !== 'object' || value === null || seen.has(value) || types.isProxy(value)) return;
  seen.add(value);
  const go = (entry: unknown, step: string): void => walk(entry, `${path}${step}`, seen, onBuffer, onView);
  if (types.isSharedArrayBuffer(value)) onBuffer(value);
  else if (ArrayBuffer.isView(value)) {
    if (!types.isSharedArrayBuffer(value.buffer)) return;
    onBuffer(value.buffer);
    onView?.(value, path);
  } else if (types.isMap(value)) {
    for (const [key, entry] of Map.prototype.entries.call(value)) go(entry, `.get(${show(key)})`);
  } else if (types.isSet(value)) {
    for (const [i, entry] of [...Set.prototype.values.call(value)].entries()) go(entry, `.entry(${i})`);
  } else if (isMemory(value)) go(value.buffer, '.buffer');
  else {
    const inList = Array.isArray(value);
    for (const [key, entry] of dataProperties(value)) go(entry, inList ? `[${key}]` : `.${key}`);
  }
}
