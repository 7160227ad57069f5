import type { Range } from '../explore/memory/ownership.ts';
import type { ExploreOptions } from '../explore/search/explore-options.ts';
import type { Part } from '../explore/search/part.ts';
import type { StressTopology } from './file.ts';

/** Where a thread finds a scenario, on whichever machine. */
export type ItemSource =
  /** A file of the user: relative to the root of the code under test. */
  | { readonly file: string; readonly exportName?: string; readonly plain?: 'points' | 'off' }
  /** A module of irqloom, relative to `src`, with a function that gives the scenario. */
  | { readonly own: string; readonly name: string; readonly arguments: readonly string[] };

/** The options of a search that decide about its answer. */
export type ItemOptions = Omit<
  ExploreOptions,
  'seconds' | 'all' | 'shrink' | 'shard' | 'stopWord' | 'onProgress'
>;

/** One search, or the stress runs of one topology: plain data, which a job carries. */
export type Item =
  | {
      readonly kind: 'search';
      readonly name: string;
      readonly source: ItemSource;
      readonly options: ItemOptions;
      /** The most time of all jobs together, s. */
      readonly seconds?: number;
    }
  | {
      readonly kind: 'stress';
      readonly name: string;
      readonly topology: StressTopology;
      readonly seed: number;
      readonly runs: number;
      readonly seconds: number;
    };

/** The task of a job. */
export type JobSpec =
  /** Loads the scenario, and says which searches there are. `shared`: bytes known to be shared by plain accesses. */
  | { readonly does: 'plan'; readonly shared: readonly Range[] }
  /** Runs schedules until all of the part are run; where the part can be cut, for so many seconds at most. */
  | {
      readonly does: 'search';
      readonly part: Part;
      readonly cuts: boolean;
      /** Of a search that is not cut: so many schedules at most. */
      readonly schedules?: number;
    }
  /** Makes one failure smaller. */
  | { readonly does: 'shrink'; readonly cause: string; readonly token: string }
  /** Runs the topology once. */
  | { readonly does: 'stress'; readonly seed: number };

export type Job = {
  /** Counted from 1 in the order in which jobs were made. */
  readonly id: number;
  /** Number of the item. */
  readonly item: number;
  /** Of a search: how often the search has begun anew; results of an earlier generation do not count. */
  readonly generation: number;
  readonly spec: JobSpec;
};

/** Schedules of a part that only its own end bounds: JSON has no Infinity. */
export const ALL = Number.MAX_SAFE_INTEGER;
