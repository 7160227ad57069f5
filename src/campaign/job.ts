import { type PlainError, toPlain } from '../base/irq-error.ts';
import { refuseExit } from '../explore/control/exits.ts';
import type { CheckedScenario } from '../explore/loading/scenario.ts';
import { loadSource, type ScenarioSource } from '../explore/loading/source.ts';
import { type Owned, Ownership, type Range } from '../explore/memory/ownership.ts';
import { isShared, planned } from '../explore/real/parallel.ts';
import { type Cause, causeOf } from '../explore/search/causes.ts';
import { explorePart } from '../explore/search/explore.ts';
import { DEFAULT_STEPS, type ExploreOptions, hangSecondsOf } from '../explore/search/explore-options.ts';
import type { Branches, Part, PartResult } from '../explore/search/part.ts';
import type { Search } from '../explore/search/phases.ts';
import { shrinkToken } from '../explore/search/shrink-token.ts';
import { Dfs } from '../explore/search/strategies/dfs.ts';
import { Dpor } from '../explore/search/strategies/dpor.ts';
import { WHOLE } from '../explore/search/strategies/pieces.ts';
import { BLOCK } from '../explore/search/strategies/strategy.ts';
import { load, store, type Words } from '../memory/word.ts';
import { ALL, type Item, type ItemSource, type Job, type JobSpec } from './item.ts';
import { runTopology, type StressSum } from './stress-job.ts';
import { type SearchSum, Sum, sumOf } from './sum.ts';

/** A job with all that a thread needs. */
export type JobTask = {
  readonly job: Job;
  readonly item: Item;
  /** Absolute path that the files of items are relative to. */
  readonly root: string;
  /** A job that can be cut ends after so many seconds, and returns the rest. */
  readonly slice: number;
  /** A job that cannot be cut gives up after so many seconds; undefined: never. */
  readonly limit?: number | undefined;
  /**
   * Two shared words: the caller stores 1 in the first to stop the job; the job moves the second while at
   * work.
   */
  readonly control: Words;
};
const STOP = 0;
export const BEAT = 1;

/** One search of an item, and its way of being cut into jobs. */
export type PlannedPhase = {
  readonly name: string;
  /** `sample`: schedules by number, up to `most`. `tree`: branches that can be cut further. `whole`: one job for all. */
  readonly cut: 'sample' | 'tree' | 'whole';
  readonly most: number;
  readonly branches: Branches;
  /** The search comes to an end by itself. */
  readonly ends: boolean;
};

export type JobResult =
  | {
      readonly does: 'plan';
      readonly scenario: string;
      readonly threads: readonly string[];
      readonly hasOutcomes: boolean;
      readonly shared: readonly Range[];
      readonly phases: readonly PlannedPhase[];
    }
  | {
      readonly does: 'search';
      readonly phase: number;
      readonly sum: SearchSum;
      readonly owners: readonly Owned[];
      readonly restarted: boolean;
      /** The rest of the part, for other jobs. */
      readonly rest?: Part;
      /** The search within this part came to its end. */
      readonly ended: boolean;
    }
  | { readonly does: 'shrink'; readonly cause: string; readonly smaller?: Cause; readonly proved: boolean }
  | { readonly does: 'stress'; readonly sum: StressSum };

/** The answer of a thread. `stopped`: the job ended without a result, and is still to be done. */
export type JobAnswer =
  | { readonly result: JobResult; readonly seconds: number }
  | { readonly stopped: true }
  | { readonly error: PlainError };

const loaded = new Map<string, CheckedScenario>();

/** Does a job in this thread. Errors come back as data: they would lose their class on the way. */
export async function doJob(task: JobTask): Promise<JobAnswer> {
  const started = performance.now();
  try {
    const result = await perform(task);
    if (result === undefined) return { stopped: true };
    return { result, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    return { error: toPlain(error) };
  }
}

async function perform(task: JobTask): Promise<JobResult | undefined> {
  const { item, job } = task;
  const { spec } = job;
  if (item.kind === 'stress') {
    if (spec.does !== 'stress') return undefined;
    const sum = await runTopology(item, spec.seed, task.control);
    return sum && { does: 'stress', sum };
  }
  refuseExit();
  process.setSourceMapsEnabled(true);
  const scenario = await scenarioOf(item.source, task.root);
  const { options } = item;
  switch (spec.does) {
    case 'plan':
      return plan(scenario, options, spec.shared);
    case 'search':
      return search(scenario, task, spec);
    case 'shrink': {
      const { steps = DEFAULT_STEPS, dataRaces } = options;
      const failure = shrinkToken(spec.token, scenario, {
        steps,
        ...(dataRaces === undefined ? {} : { dataRaces }),
        schedules: SHRINK_SCHEDULES,
        isStopped: () => {
          beat(task.control);
          return load(task.control, STOP) !== 0;
        },
      });
      if (load(task.control, STOP) !== 0) return undefined;
      const { cause } = spec;
      if (failure === undefined) return { does: 'shrink', cause, proved: false };
      return {
        does: 'shrink',
        cause,
        smaller: causeOf(failure, cause, 0),
        proved: failure.minimal === 'proved',
      };
    }
    default:
      return undefined;
  }
}

const SHRINK_SCHEDULES = 200_000;

async function scenarioOf(source: ItemSource, root: string): Promise<CheckedScenario> {
  const key = JSON.stringify([source, root]);
  const scenario = loaded.get(key) ?? (await loadSource(placed(source, root)));
  loaded.set(key, scenario);
  return scenario;
}

function placed(source: ItemSource, root: string): ScenarioSource {
  if ('file' in source) return { ...source, file: `${root}/${source.file}` };
  const module = new URL(`../${source.own}`, import.meta.url).href;
  return { module, name: source.name, arguments: source.arguments };
}

/** Pieces of a tree are as many as for one job of `explore`: more come out where jobs cut them further. */
const PLANNED_FOR = 1;

function plan(scenario: CheckedScenario, options: ExploreOptions, shared: readonly Range[]): JobResult {
  const ownership = new Ownership(shared);
  const phases = planned(scenario, { ...options, seconds: FOREVER }, PLANNED_FOR, ownership);
  const { name, threadNames, outcomes } = scenario;
  return {
    does: 'plan',
    scenario: name,
    threads: threadNames,
    hasOutcomes: outcomes !== undefined,
    shared: ownership.ranges,
    // Where a thread does not come to its end, the first job says so.
    phases: phases?.map(({ strategy, search, most }) => ({
      name: strategy.name,
      cut: search === undefined ? 'sample' : isShared(options, search) ? 'tree' : 'whole',
      most: Math.min(most, ALL),
      branches: branchesOf(search),
      ends: search !== undefined,
    })) ?? [{ name: 'profile', cut: 'whole', most: ALL, branches: {}, ends: true }],
  };
}

function branchesOf(search: Search | undefined): Branches {
  if (search instanceof Dfs) return { pieces: search.pieces };
  return search instanceof Dpor ? { subtrees: search.subtrees } : {};
}

/** A job that can be cut runs so many schedules at least. */
const LEAST_RUNS = 256;
/** Seconds that no search has. */
const FOREVER = 1e7;
/**
 * About the time that the search of one batch of blocks takes, s: the time between beats, and the delay of a
 * stop.
 */
const BATCH_SECONDS = 0.5;

function search(
  scenario: CheckedScenario,
  task: JobTask,
  { part, cuts, schedules }: Extract<JobSpec, { does: 'search' }>,
): JobResult | undefined {
  if (part.count !== ALL && cuts) return sample(scenario, task, part);
  const started = performance.now();
  const options = { ...optionsOf(task, task.slice), ...(schedules === undefined ? {} : { schedules }) };
  const sum = new Sum();
  const owners: Owned[] = [];
  let restarted = false;
  let ended = false;
  let left: Part | undefined = part;
  let seconds = cuts ? task.slice : Math.min(FOREVER, task.limit ?? FOREVER);
  // To begin costs time too: a job that has hardly searched goes on, each time for twice as long.
  while (left !== undefined && !(sum.runs >= LEAST_RUNS && performance.now() - started > task.slice * 1000)) {
    const begun = performance.now();
    const count = left.count === ALL ? Number.POSITIVE_INFINITY : left.count;
    const found = explorePart(scenario, { ...options, seconds }, { ...left, count });
    if (found.interrupted && !cuts) return undefined;
    const shares = (left.pieces ?? WHOLE).reduce((all, { share }) => all + share, 0);
    sum.add(sumOf(found, shares, (performance.now() - begun) / 1000));
    owners.push(...found.owners);
    restarted ||= found.restarted;
    ended = cuts ? !sum.hung : found.bound !== '';
    left = cuts && !sum.hung && found.rest !== undefined ? { ...left, ...found.rest } : undefined;
    if (found.interrupted) break;
    seconds *= 2;
  }
  return {
    does: 'search',
    phase: part.phase,
    sum: sum.toPlain(),
    owners,
    restarted,
    ended,
    ...(left === undefined ? {} : { rest: left }),
  };
}

/** Schedules of a random strategy by number, in whole blocks: a strategy learns within one. */
function sample(scenario: CheckedScenario, task: JobTask, part: Part): JobResult | undefined {
  const started = performance.now();
  const sum = new Sum();
  const options = optionsOf(task, FOREVER);
  const end = part.from + part.count;
  const owners: Owned[] = [];
  let restarted = false;
  let blocks = 1;
  let from = part.from;
  while (from < end && !sum.hung && !(sum.runs > 0 && performance.now() - started > task.slice * 1000)) {
    const begun = performance.now();
    const count = Math.min(blocks * BLOCK, end - from);
    const classified = Math.max(0, part.classified - (from - part.from));
    const found: PartResult = explorePart(scenario, options, { ...part, from, count, classified });
    if (found.interrupted) break;
    const took = (performance.now() - begun) / 1000;
    sum.add(sumOf(found, 0, took));
    owners.push(...found.owners);
    restarted ||= found.restarted;
    from += count;
    blocks = Math.max(1, Math.min(blocks * 2, Math.floor((blocks * BATCH_SECONDS) / took)));
  }
  if (sum.runs === 0) return undefined;
  const left = end - from;
  const classified = Math.max(0, part.classified - (from - part.from));
  return {
    does: 'search',
    phase: part.phase,
    sum: sum.toPlain(),
    owners,
    restarted,
    ended: !sum.hung,
    ...(left > 0 && !sum.hung ? { rest: { ...part, from, count: left, classified } } : {}),
  };
}

/** The options of the item's search, with the remaining time: counts every failing schedule, shrinks none. */
function optionsOf({ item, control }: JobTask, seconds: number): ExploreOptions {
  const options = item.kind === 'search' ? item.options : {};
  return {
    ...options,
    hangSeconds: hangSecondsOf({ ...options, seconds: FOREVER }),
    seconds,
    all: true,
    shrink: false,
    stopWord: control,
    onProgress: () => beat(control),
  };
}

function beat(control: Words): void {
  store(control, BEAT, load(control, BEAT) + 1);
}
