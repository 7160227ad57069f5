import type { Words } from './word.ts';

/** Words of a cache line (64 bytes): the span that two writers must not share. */
export const LINE = 16;

/** A run of 32-bit words in the shared buffer; `at` counts words, not bytes. */
export type Region = {
  readonly at: number;
  readonly words: number;
  /** Of a lock: how often to look again before sleeping. Left out: as usual. */
  readonly spins?: number;
};

/** Many equal records in a row, not padded to cache lines; record `i` starts at `at + i * stride`. */
export type Records = Region & { readonly stride: number; readonly count: number };

/**
 * What lies in a region: how many words that takes, how each of them is called in a trace, and what becomes of them when
 * the machine is restored. Each primitive declares its own.
 */
export type Kind = {
  readonly name: string;
  /** Words of a region of this kind. Left out where it depends on the machine: `layout.region` is told then. */
  readonly words?: number;
  /** Whether it is a lock, whose waiters look again for a while before they sleep. */
  readonly spins?: boolean;
  /** The name of the word at an offset, behind the region's own: `sleepers` of `vcpu0.bell`. Undefined where it has none. */
  readonly wordName?: (offset: number) => string | undefined;
  /**
   * Takes out of a region that was copied what belonged to threads that are no more: a lock's holder, a sleeper. Left out
   * where a copy is right as it is.
   */
  readonly restored?: (words: Words, region: Region) => void;
  /**
   * What the region says that no machine of these sizes has, or undefined. For words that come out of a file and bound a
   * loop or become an index. Left out where any value is one that the machine could have.
   */
  readonly fault?: (words: Int32Array, region: Region, sizes: Sizes) => string | undefined;
};

/** The sizes of a machine that its counts are held against. */
export type Sizes = { readonly vcpus: number; readonly spis: number };

/** A kind of which every region has as many words. */
export type SizedKind = Kind & { readonly words: number };

/** Words that mean what the region's owner says, and are restored as they were. */
export const PLAIN: Kind = { name: 'plain' };

/** How a kind names its words, from the offsets of those that have a name. */
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
 * The one table of what lies where in a shared buffer. Regions get cache lines of their own, in the order in which
 * they are asked for; so two threads that build the same layout agree on every offset without talking. The table
 * also turns an offset back into a name, so that a trace reads `vcpu1.listed[3]` and not `0x1c40`.
 */
export class Layout {
  readonly #named: Named[] = [];
  readonly #spins: number | undefined;
  #end: number;

  /**
   * @param start - the word to begin at, a multiple of `LINE`: for a layout within a region of another
   * @param spins - how often a thread looks again at a lock of this layout before it sleeps, where not as usual
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

  /** A region of a kind that always has as many words: a lock, a bell, an eventfd. */
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
