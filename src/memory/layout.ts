import type { Words } from './word.ts';

/** Words of a cache line (64 bytes): the span that two writers must not share. */
export const LINE = 16;

/** A run of 32-bit words in the shared buffer; `at` counts words, not bytes. */
export type Region = {
  readonly at: number;
  readonly words: number;
  /** Of a lock: number of loads of the word before a waiter sleeps. Left out: the default of the mutex. */
  readonly spins?: number;
};

/** Many equal records in a row, not padded to cache lines; record `i` starts at `at + i * stride`. */
export type Records = Region & { readonly stride: number; readonly count: number };

/**
 * The kind of a region: its size, the names of its words in a trace, and the repair of its words when a machine is
 * restored. Each primitive declares its own.
 */
export type Kind = {
  readonly name: string;
  /**
   * Words of a region of this kind. Left out if the size depends on the machine: callers of `layout.region`
   * pass it.
   */
  readonly words?: number;
  /** Whether regions of this kind are locks: waiters spin for a while before they sleep. */
  readonly spins?: boolean;
  /**
   * The name of the word at an offset, after the region's own name: `sleepers` of `vcpu0.bell`. Undefined for a word
   * without a name.
   */
  readonly wordName?: (offset: number) => string | undefined;
  /**
   * Repairs a copied region: removes the state of threads that no longer exist, such as a lock's holder or a sleeper.
   * Left out where the copy needs no repair.
   */
  readonly restored?: (words: Words, region: Region) => void;
  /**
   * Names a value in the region that no machine of these sizes holds; undefined if there is none. For words that come
   * from a file and bound a loop or become an index. Left out where every value is possible.
   */
  readonly fault?: (words: Int32Array, region: Region, sizes: Sizes) => string | undefined;
};

/** The sizes of a machine; counts in a file are checked against them. */
export type Sizes = { readonly vcpus: number; readonly spis: number };

/** A kind whose regions all have the same size. */
export type SizedKind = Kind & { readonly words: number };

/** Words that only the region's owner interprets; a restore copies them unchanged. */
export const PLAIN: Kind = { name: 'plain' };

/** Makes a kind's `wordName` from the offsets of its named words. */
export function wordNames(names: Readonly<Record<number, string>>): (offset: number) => string | undefined {
  return (offset) => names[offset];
}

type Named = {
  readonly name: string;
  readonly region: Region;
  readonly kind: Kind;
  readonly fields?: readonly string[];
};

/**
 * The one table of the regions of a shared buffer. Each region gets cache lines of its own, in the order of the calls,
 * so two threads that build the same layout agree on every offset without communicating. The table also maps an offset
 * to a name: a trace prints `vcpu1.listed[3]` and not `0x1c40`.
 */
export class Layout {
  readonly #named: Named[] = [];
  readonly #spins: number | undefined;
  #end: number;

  /**
   * @param start - first word, a multiple of `LINE`: for a layout within a region of another
   * @param spins - loads of a lock's word before a waiter sleeps, for all locks of this layout; undefined: the default
   */
  constructor(start = 0, spins?: number) {
    this.#end = start;
    this.#spins = spins;
  }

  /** The word after the last region, a whole cache line. */
  get words(): number {
    return this.#end;
  }

  /** A region of `words` words, starting on a cache line. */
  region(name: string, words: number, kind: Kind = PLAIN): Region {
    const region = { at: this.#end, words };
    this.#named.push({ name, region, kind });
    // guard: region-ends-on-line
    this.#end += Math.ceil(words / LINE) * LINE;
    return region;
  }

  /** Adds a region of a kind with a fixed size: a lock, a bell, an eventfd. */
  place(name: string, kind: SizedKind): Region {
    const region = this.region(name, kind.words, kind);
    return kind.spins && this.#spins !== undefined ? { ...region, spins: this.#spins } : region;
  }

  /**
   * A group of regions, each on lines of its own: `layout.group('its0', { registers: 40, lock: MUTEX })`. A number is that
   * many plain words.
   */
  group<const S extends Readonly<Record<string, number | SizedKind>>>(
    name: string,
    sizes: S,
  ): { readonly [K in keyof S]: Region } {
    const regions: Record<string, Region> = {};
    for (const [field, size] of Object.entries(sizes)) {
      const full = `${name}.${field}`;
      regions[field] = typeof size === 'number' ? this.region(full, size) : this.place(full, size);
    }
    return regions as { readonly [K in keyof S]: Region };
  }

  /** `count` records of one word a field, packed; `fields` names the words of a record. */
  records(name: string, count: number, fields: readonly string[]): Records {
    const region = { at: this.#end, words: count * fields.length, stride: fields.length, count };
    this.#named.push({ name, region, kind: PLAIN, fields });
    this.#end += Math.ceil(region.words / LINE) * LINE;
    return region;
  }

  /** The name of the word at `at`: `vcpu1.listed[3]`, `ite7.lpi`; `word[n]` where no region is. */
  nameOf(at: number): string {
    let low = 0;
    let high = this.#named.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#named[middle];
      // guard: region-begins-with-word
      if (entry && entry.region.at <= at) low = middle + 1;
      else high = middle;
    }
    const found = this.#named[low - 1];
    // guard: region-ends-before-next
    if (!found || at >= found.region.at + found.region.words) return `word[${at}]`;
    const index = at - found.region.at;
    if (found.fields) {
      const field = found.fields[index % found.fields.length] ?? '';
      return `${found.name}${Math.floor(index / found.fields.length)}.${field}`;
    }
    if (found.region.words === 1) return found.name;
    const word = found.kind.wordName?.(index);
    return word === undefined ? `${found.name}[${index}]` : `${found.name}.${word}`;
  }

  /** Every region with its name and its kind, in order: for printing, for restoring, and for tests. */
  *regions(): Generator<readonly [name: string, region: Region, kind: Kind]> {
    for (const { name, region, kind } of this.#named) yield [name, region, kind];
  }

  /** The regions of a kind, in order. */
  ofKind(kind: Kind): Region[] {
    return this.#named.flatMap((named) => (named.kind === kind ? [named.region] : []));
  }
}
