import type { StrategyName, Timeouts } from '../explore/index.ts';
import type { StressOptions } from '../stress/index.ts';

/** A program to search: a file of your own, a pattern of files, or the name of a program that comes with irqloom. */
export type SearchEntry = {
  /** Said in results; the scenario's own name where not given. */
  readonly name?: string;
  /**
   * Relative to the campaign file; a name in the list of `irqloom explore --list` has no slash and no ending.
   */
  readonly scenario: string;
  readonly export?: string;
  readonly plain?: 'points' | 'off';
  /** One search, or several of the same program; `auto` where not given. */
  readonly strategy?: StrategyName | readonly StrategyName[];
  readonly depth?: number;
  readonly preemptions?: number;
  readonly delays?: number;
  readonly seed?: number;
  /** The most schedules; 100,000 for the random strategies, no bound for the others where not given. */
  readonly schedules?: number;
  /** The most time, in seconds of one thread, all jobs together; no bound where not given. */
  readonly seconds?: number;
  readonly steps?: number;
  readonly timeouts?: Timeouts;
  readonly dataRaces?: 'list' | 'fail';
};

/** The sizes of a synthetic guest and its devices, and how they are run: the flags of `irqloom stress`. */
export type StressTopology = {
  readonly vcpus: number;
  readonly devices: number;
  readonly events: number;
  readonly spis?: number;
  readonly iterations?: number;
} & Partial<Pick<StressOptions, 'lines' | 'abi' | 'churn' | 'dispatch' | 'perturb' | 'fault'>>;

/** Stress runs of one topology, each with a seed of its own. */
export type StressEntry = {
  readonly name?: string;
  readonly stress: StressTopology;
  /** How many runs, and how long each injects, s. */
  readonly runs: number;
  readonly seconds: number;
  /** Seed of the first run; the others count on from there. */
  readonly seed?: number;
};

export type CampaignItem = SearchEntry | StressEntry;

/** The default export of `irqloom.campaign.ts`. */
export type Campaign = {
  readonly name?: string;
  readonly items: readonly CampaignItem[];
  /** How long a job takes, about, in seconds; 20 where not given. */
  readonly jobSeconds?: number;
  /** Patterns of files that scenarios read and do not import, relative to the campaign file: wasm modules, data. */
  readonly files?: readonly string[];
};

/** Gives a campaign its type: `export default defineCampaign({ items: [{ scenario: 'queue.mjs', strategy: 'dfs' }] })`. */
export function defineCampaign(campaign: Campaign): Campaign {
  return campaign;
}
