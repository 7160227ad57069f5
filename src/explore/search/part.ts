import type { Owned, Range } from '../memory/ownership.ts';
import type { ExploreResult } from '../telling/result.ts';
import type { Cause } from './causes.ts';
import type { SearchState } from './coverage.ts';
import type { Observed } from './observations.ts';
import type { Subtree } from './strategies/dpor.ts';
import type { Piece } from './strategies/pieces.ts';

/** The part of a cut search that is to be done; the whole search if neither is given. */
export type Branches = {
  /** Of a depth-first search: pieces of its tree. */
  readonly pieces?: readonly Piece[];
  /** Of `dpor`: its subtrees. */
  readonly subtrees?: readonly Subtree[];
};

/** A piece of an exploration that is shared out: of one phase, so many schedules from one on. */
export type Part = Branches & {
  readonly phase: number;
  readonly from: number;
  readonly count: number;
  /** How many schedules of a random strategy are sorted into classes. */
  readonly classified: number;
  /** Other parts of the same search come after this one. */
  readonly more?: true;
  /** Bytes that are known to be shared by plain accesses. */
  readonly shared: readonly Range[];
  /** Failing schedules are counted by their ends, and the first of each end is recorded; see causes.ts. */
  readonly byCause?: true;
};

/**
 * The findings of one piece, as plain data, to be merged with those of other pieces; see real/parallel.ts.
 */
export type PartResult = {
  readonly result: ExploreResult;
  /** Schedules begun, including those that showed nothing new. */
  readonly runs: number;
  readonly outOfTime: boolean;
  /** The name of the bounded search that has come to its end here; empty where none has. */
  readonly bound: string;
  readonly search: SearchState | undefined;
  readonly classes: readonly (readonly [number, number])[];
  /** The part still to be searched, if the search can be cut and was left before its end. */
  readonly rest: Branches | undefined;
  /** With {@link Part.byCause}: how schedules have failed. */
  readonly causes: readonly Cause[];
  /** The search of this piece came to its end, with or without omissions. */
  readonly exhausted: boolean;
  readonly interrupted: boolean;
  readonly observed: Observed;
  readonly omissions: readonly string[];
  /** Which threads touch which bytes, as far as this part has seen. */
  readonly owners: readonly Owned[];
  /** The piece was begun anew, as threads met at bytes that were taken for one thread's own. */
  readonly restarted: boolean;
  /** Plain accesses were steps of schedules. */
  readonly sawPlain: boolean;
};
