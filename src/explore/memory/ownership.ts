/** No thread has touched the byte yet; a thread t alone has: t + 1; it is shared, and plain accesses have gone to it or not. */
const NOBODY = 0;
const PLAIN = 254;
const SHARED = 255;
const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;

/** Some bytes of the explorer's numbering. */
export type Range = readonly [at: number, size: number];
/** All bytes there are: every plain access is a point. */
export const EVERYTHING: readonly Range[] = [[0, Infinity]];

/** Bytes and the threads that have touched them, as plain data, for {@link Ownership.merge} in another thread. */
export type Owned = readonly [at: number, size: number, owner: number];

/**
 * Which thread touches which bytes, in all schedules so far. Plain accesses to bytes that only one thread touches are no
 * points of a schedule: no other thread could see the difference. Bytes are shared once two threads touch them, or one
 * operation of Atomics does. A search that has taken such bytes for one thread's own has to start over.
 */
export class Ownership {
  readonly #pages = new Map<number, Uint8Array>();
  readonly #shared: Range[] = [];
  /** Bytes were shared that a thread had for its own until then. */
  conflict = false;
  readonly #everything: boolean;

  /** @param shared - bytes that are known to be shared; {@link EVERYTHING} where no bytes are ever a thread's own. */
  constructor(shared: readonly Range[] = []) {
    this.#everything = shared[0]?.[1] === Infinity;
    this.#shared.push(...shared);
    this.restart();
  }

  /** Shared bytes that plain accesses go to, in order and without gaps between two ranges. */
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

  /** Thread `t` makes a plain access. @returns whether the bytes are its own */
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

  /** An operation of Atomics goes to these bytes. */
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

  /** Starts over: owners are forgotten, and only the shared bytes are known. */
  restart(): void {
    this.conflict = false;
    this.#pages.clear();
    if (!this.#everything) for (const [at, size] of this.#shared) this.#mark(at, size);
  }

  /** Which thread has touched which bytes, for {@link merge}. */
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

  /** Takes in what another search of the same scenario has met. */
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

  /** A plain access goes to bytes that are not all its thread's own. */
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
    // Until the search starts over, the access is as good as the thread's own.
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
