/** The state of a byte: untouched; t + 1 if thread t alone has touched it; shared, with or without plain accesses. */
const NOBODY = 0;
const PLAIN = 254;
const SHARED = 255;
const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;

/** A range of bytes in the explorer's numbering. */
export type Range = readonly [at: number, size: number];
/** All bytes: every plain access is a point. */
export const EVERYTHING: readonly Range[] = [[0, Infinity]];

/** Bytes and the threads that touched them, as plain data, for {@link Ownership.merge} in another thread. */
export type Owned = readonly [at: number, size: number, owner: number];

/**
 * Which thread touches which bytes, over all schedules so far. A plain access to bytes that only one thread touches is
 * no point of a schedule, because no other thread could see a difference. Bytes become shared when a second thread, or
 * an operation of Atomics, touches them. A search that treated such bytes as one thread's own must start over.
 */
export class Ownership {
  readonly #pages = new Map<number, Uint8Array>();
  readonly #shared: Range[] = [];
  /** Whether bytes became shared that a thread owned until then. */
  conflict = false;
  readonly #everything: boolean;

  /** @param shared - bytes known to be shared; {@link EVERYTHING}: no thread ever owns bytes. */
  constructor(shared: readonly Range[] = []) {
    this.#everything = shared[0]?.[1] === Infinity;
    this.#shared.push(...shared);
    this.restart();
  }

  /** Shared bytes with plain accesses, in order, with adjacent ranges merged. */
  get ranges(): readonly Range[] {
    if (this.#everything) return EVERYTHING;
    const sorted = [...this.#shared].sort(([a], [b]) => a - b);
    const merged: [at: number, size: number][] = [];
    for (const [at, size] of sorted) {
      const last = merged.at(-1);
      if (last === undefined || at > last[0] + last[1]) merged.push([at, size]);
      else last[1] = Math.max(last[1], at + size - last[0]);
    }
    return merged;
  }

  /** Claims bytes for a plain access of thread `t`. @returns whether the thread owns the bytes */
  claim(at: number, size: number, t: number): boolean {
    if (this.#everything) return false;
    const page = this.#pageOf(at);
    const first = page[at & (PAGE - 1)] as number;
    if (first !== NOBODY && first !== t + 1) return this.#meet(at, size);
    for (let i = at; i < at + size; i++) {
      const owner = this.#pageOf(i)[i & (PAGE - 1)] as number;
      if (owner !== NOBODY && owner !== t + 1) return this.#meet(at, size);
    }
    if (first === NOBODY || size > 1) {
      for (let i = at; i < at + size; i++) this.#pageOf(i)[i & (PAGE - 1)] = t + 1;
    }
    return true;
  }

  /** Shares bytes, because an operation of Atomics touches them. */
  share(at: number, size: number): void {
    if (this.#everything) return;
    let own = false;
    for (let i = at; i < at + size; i++) {
      const page = this.#pageOf(i);
      const owner = page[i & (PAGE - 1)] as number;
      if (owner >= PLAIN) continue;
      own ||= owner !== NOBODY;
      page[i & (PAGE - 1)] = owner === NOBODY ? SHARED : PLAIN;
    }
    if (!own) return;
    this.#shared.push([at, size]);
    this.conflict = true;
  }

  /** Starts over: forgets owners, and keeps only the shared bytes. */
  restart(): void {
    this.conflict = false;
    this.#pages.clear();
    if (!this.#everything) for (const [at, size] of this.#shared) this.#mark(at, size);
  }

  /** The owners of bytes, for {@link merge}. */
  owners(): Owned[] {
    const owned: [at: number, size: number, owner: number][] = [];
    for (const number of [...this.#pages.keys()].sort((a, b) => a - b)) {
      const page = this.#pages.get(number) as Uint8Array;
      for (let i = 0; i < PAGE; i++) {
        const owner = page[i] as number;
        if (owner === NOBODY) continue;
        const at = (number << PAGE_BITS) + i;
        const last = owned.at(-1);
        if (last !== undefined && last[2] === owner && last[0] + last[1] === at) last[1]++;
        else owned.push([at, 1, owner]);
      }
    }
    return owned;
  }

  /** Takes in the findings of another search of the same scenario. */
  merge(owned: readonly Owned[]): void {
    if (this.#everything) return;
    for (const [at, size, owner] of owned) {
      for (let i = at; i < at + size; i++) {
        if (owner === SHARED) this.share(i, 1);
        else if (owner === PLAIN) this.#meet(i, 1);
        else this.claim(i, 1, owner - 1);
      }
    }
  }

  /** Handles a plain access to bytes that its thread does not own entirely. */
  #meet(at: number, size: number): boolean {
    let known = true;
    let own = false;
    for (let i = at; i < at + size; i++) {
      const owner = this.#pageOf(i)[i & (PAGE - 1)] as number;
      known &&= owner === PLAIN;
      own ||= owner !== NOBODY && owner < PLAIN;
    }
    if (known) return false;
    this.#mark(at, size);
    this.#shared.push([at, size]);
    // Until the search starts over, the access counts as the thread's own.
    this.conflict ||= own;
    return own;
  }

  #mark(at: number, size: number): void {
    for (let i = at; i < at + size; i++) this.#pageOf(i)[i & (PAGE - 1)] = PLAIN;
  }

  #pageOf(at: number): Uint8Array {
    const number = at >> PAGE_BITS;
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(PAGE);
      this.#pages.set(number, page);
    }
    return page;
  }
}
