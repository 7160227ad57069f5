import { Layout, type Region, type SizedKind } from '../memory/layout.ts';
import { store, type Words } from '../memory/word.ts';

/** The shared words of a small program, by name. */
export type Model<N extends string> = {
  /** The start of each, in words. */
  readonly at: Readonly<Record<N, number>>;
  readonly regions: Readonly<Record<N, Region>>;
  /**
   * The memory of a scenario over these words: all 0 but for the initial values; `also` initialises the rest.
   * @param initial - values of plain words, by name
   */
  memory(
    initial?: Partial<Record<N, number>>,
    also?: (words: Words) => void,
  ): { setup(): Words; names(buffer: SharedArrayBuffer, byteOffset: number): string };
};

/** Lays words out by name, each on a cache line of its own. @param sizes - in words, or the kind of the region */
export function model<const N extends string>(sizes: Readonly<Record<N, number | SizedKind>>): Model<N> {
  const layout = new Layout();
  const names = Object.keys(sizes) as N[];
  const place = (name: N): Region => {
    const size = sizes[name];
    return typeof size === 'number' ? layout.region(name, size) : layout.place(name, size);
  };
  const regions = Object.fromEntries(names.map((name) => [name, place(name)])) as Record<N, Region>;
  const at = Object.fromEntries(names.map((name) => [name, regions[name].at])) as Record<N, number>;
  return {
    at,
    regions,
    memory: (initial = {}, also = () => {}) => ({
      setup() {
        const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
        for (const name of names) store(words, at[name], initial[name] ?? 0);
        also(words);
        return words;
      },
      names: (_buffer, byteOffset) => layout.nameOf(byteOffset / 4),
    }),
  };
}
