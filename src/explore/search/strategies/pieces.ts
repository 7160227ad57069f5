/** One subtree of a depth-first search: all schedules that begin with the same choices. */
export type Piece = {
  /** By choice from the start: which of the alternatives within the bound is taken, and how many there are. */
  readonly taken: readonly number[];
  readonly of: readonly number[];
  /** Its share of the whole tree, were all branches of a fork alike. */
  readonly share: number;
};

/** The whole tree as one piece. */
export const WHOLE: readonly Piece[] = [{ taken: [], of: [], share: 1 }];
