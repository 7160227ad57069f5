/** A parser under test. */
export type Target = {
  readonly name: string;
  /** Good inputs to begin with. */
  readonly seeds: () => readonly Uint8Array[];
  /** Words of the format, to be put in. */
  readonly words: readonly string[];
  /** Reads an input, and uses what was read as the product does. Throws whatever the product throws. */
  readonly read: (bytes: Uint8Array) => void;
};
