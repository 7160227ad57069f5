/** Words of a cache line (64 bytes): the span that two writers must not share. */
export const LINE = 16;

/** A run of 32-bit words in the shared buffer; `at` counts words, not bytes. */
export type Region = { readonly at: number; readonly words: number };

/** Many equal records in a row, not padded to cache lines; record `i` starts at `at + i * stride`. */
export type Records = Region & { readonly stride: number; readonly count: number };

type Named = { readonly name: string; readonly region: Region; readonly fields?: readonly string[] };

/**
 * The one table of what lies where in a shared buffer. Regions get cache lines of their own, in the order in which
 * they are asked for; so two threads that build the same layout agree on every offset without talking. The table
 * also turns an offset back into a name, so that a trace reads `vcpu1.listed[3]` and not `0x1c40`.
 */
export class Layout {
  readonly #named: Named[] = [];
  #end: number;

  /** @param start - the word to begin at, a multiple of {@link LINE}: for a layout within a region of another */
  constructor(start = 0) {
    this.#end = start;
  }

  /** The word after the last region, a whole cache line. */
  get words(): number {
    return this.#end;
  }

  /** A region of `words` words, starting on a cache line. */
  region(name: string, words: number): Region {
    const region = { at: this.#end, words };
    this.#named.push({ name, region });
    this.#end += Math.ceil(words / LINE) * LINE;
    return region;
  }

  /** A group of regions, each on lines of its own: `layout.group('its0', { regs: 40, lock: 1 })`. */
  group<const S extends Readonly<Record<string, number>>>(
    name: string,
    sizes: S,
  ): { readonly [K in keyof S]: Region } {
    const regions: Record<string, Region> = {};
    for (const [field, words] of Object.entries(sizes))
      regions[field] = this.region(`${name}.${field}`, words);
    return regions as { readonly [K in keyof S]: Region };
  }

  /** `count` records of one word a field, packed; `fields` names the words of a record. */
  records(name: string, count: number, fields: readonly string[]): Records {
    const region = { at: this.#end, words: count * fields.length, stride: fields.length, count };
    this.#named.push({ name, region, fields });
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
      if (entry && entry.region.at <= at) low = middle + 1;
      else high = middle;
    }
    const found = this.#named[low - 1];
    if (!found || at >= found.region.at + found.region.words) return `word[${at}]`;
    const index = at - found.region.at;
    if (found.fields) {
      const field = found.fields[index % found.fields.length] ?? '';
      return `${found.name}${Math.floor(index / found.fields.length)}.${field}`;
    }
    return found.region.words === 1 ? found.name : `${found.name}[${index}]`;
  }

  /** Every region with its name, in order: for printing and for tests. */
  *regions(): Generator<readonly [name: string, region: Region]> {
    for (const { name, region } of this.#named) yield [name, region];
  }
}
