/** One mistake that a careless hand makes: `from` stands in `src/FILE` exactly once, and `to` takes its place. */
export type Mistake = {
  /** The rule that the mistake breaks, or what was done to which code. */
  readonly guard: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Where `from` stands, in UTF-16 units, if it stands there more than once: for mistakes that are made by rule. */
  readonly at?: number;
  /** Further changes in the same file, where one is not enough. */
  readonly also?: readonly { readonly from: string; readonly to: string }[];
};
