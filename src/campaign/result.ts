import { join, relative } from 'node:path';
import { resultOf as searchResultOf } from '../explore/search/account.ts';
import type { SearchState } from '../explore/search/coverage.ts';
import { MOST_RACES } from '../explore/telling/race-list.ts';
import type { Coverage, Failure } from '../explore/telling/result.ts';
import type { Summary } from '../measure/distribution.ts';
import type { WorkerSeen } from './crew.ts';
import type { Ledger } from './ledger.ts';
import { latencyOf, type StressSum } from './stress-job.ts';
import { Sum } from './sum.ts';
import type { Problem, Tally } from './tally.ts';

/** One way in which an item fails. */
export type ItemFailure = {
  /** The end of the schedules: the same text for all of them. */
  readonly cause: string;
  /** Repeats the smallest failure: for `irqloom replay`; of stress, the flags of `irqloom stress`. */
  readonly token: string;
  /** Of a search; 0 for stress. */
  readonly preemptions: number;
  /** Schedules, or violations, that ended so. */
  readonly times: number;
  readonly message: string;
  /** Whether no schedule with fewer preemptions fails in this way. */
  readonly proved: boolean;
};

export type ItemResult = {
  readonly name: string;
  readonly kind: 'search' | 'stress';
  /** `unknown`: no failure, and jobs are left, were given up, or had no time. */
  readonly verdict: 'pass' | 'fail' | 'unknown';
  /** Schedules, or stress runs. */
  readonly schedules: number;
  readonly exhausted: boolean;
  readonly failures: readonly ItemFailure[];
  /** Of a search. */
  readonly strategy?: string;
  readonly scenario?: string;
  /** The file, from the working directory, or the name of a program that comes with irqloom. */
  readonly source?: string;
  readonly seed: number;
  readonly steps?: number;
  readonly classes?: number;
  /** Schedules that failed. */
  readonly failed?: number;
  readonly bounded?: string | null;
  readonly outcomes?: Readonly<Record<string, number>>;
  readonly dataRaces?: number;
  readonly coverage?: Coverage;
  /** Of stress. */
  readonly stress?: Omit<StressSum, 'latency' | 'causes'> & { readonly latencyNs: Summary };
  /** How much is done, 0 to 1; null where that cannot be told. */
  readonly fraction: number | null;
  /** Time of one thread, s. */
  readonly seconds: number;
  /** Jobs that were given up. */
  readonly problems: readonly Problem[];
};

/** The output of `irqloom campaign --json`. */
export type CampaignResult = {
  readonly schemaVersion: 1;
  readonly command: 'campaign';
  readonly name: string;
  /** Whether jobs are left. */
  readonly state: 'open' | 'done';
  readonly jobs: {
    readonly total: number;
    readonly done: number;
    readonly failed: number;
    readonly retried: number;
  };
  readonly workers: readonly (WorkerSeen & { readonly jobs: number; readonly seconds: number })[];
  readonly items: readonly ItemResult[];
  /** While the campaign was conducted, s. */
  readonly seconds: number;
};

/** The result of a campaign. Reads the whole ledger. */
export function resultOfLedger(ledger: Ledger): CampaignResult {
  return resultOf(ledger, ledger.tallies());
}

export function resultOf(ledger: Ledger, tallies: readonly Tally[]): CampaignResult {
  const seen = JSON.parse(ledger.get('workers') ?? '[]') as WorkerSeen[];
  const counted = new Map(ledger.byWorker().map((each) => [each.worker, each]));
  const names = [...new Set([...seen.map(({ name }) => name), ...counted.keys()])].filter(Boolean);
  const jobs = ledger.counts();
  return {
    schemaVersion: 1,
    command: 'campaign',
    name: ledger.header.name,
    state: jobs.done + jobs.failed < jobs.total ? 'open' : 'done',
    jobs,
    workers: names.map((name) => {
      const { jobs = 0, seconds = 0 } = counted.get(name) ?? {};
      const gone: WorkerSeen = { name, slots: 0, busy: 0, done: jobs };
      return { ...(seen.find((each) => each.name === name) ?? gone), jobs, seconds };
    }),
    items: tallies.map((tally) => itemResult(tally, ledger.header.root)),
    seconds: Number(ledger.get('seconds') ?? 0),
  };
}

function itemResult(tally: Tally, root: string): ItemResult {
  return tally.item.kind === 'stress'
    ? stressResult(tally, tally.item)
    : searchResult(tally, tally.item, root);
}

type Of<K> = Extract<Tally['item'], { kind: K }>;

function stressResult(tally: Tally, item: Of<'stress'>): ItemResult {
  const { latency: _, causes, ...counts } = tally.stress;
  const flags = Object.entries(item.topology).map(([name, value]) => `--${name} ${value}`);
  const failures = causes.map(({ cause, times, seed }) => ({
    cause,
    token: `${flags.join(' ')} --seconds ${item.seconds} --seed ${seed}`,
    preemptions: 0,
    times,
    message: cause,
    proved: false,
  }));
  return {
    name: item.name,
    kind: 'stress',
    verdict: failures.length > 0 ? 'fail' : tally.isDone && counts.delivered > 0 ? 'pass' : 'unknown',
    schedules: counts.runs,
    exhausted: false,
    failures,
    seed: item.seed,
    stress: { ...counts, latencyNs: latencyOf(tally.stress).summary() },
    fraction: tally.fraction ?? null,
    seconds: tally.seconds,
    problems: tally.problems,
  };
}

function searchResult(tally: Tally, item: Of<'search'>, root: string): ItemResult {
  const { plan, failures: causes } = tally;
  const { source, options } = item;
  const all = new Sum();
  for (const phase of tally.answering) all.add(phase.sum.toPlain());
  const result = searchResultOf({
    scenario: { name: plan?.scenario ?? item.name, outcomes: plan?.hasOutcomes ? {} : undefined },
    options: { ...options, all: true },
    seed: options.seed ?? 0,
    startedMs: 0,
    endedMs: tally.seconds * 1000,
    failure: causes[0] && asFailure(causes[0]),
    exhausted: tally.isExhaustedBy(tally.answering.length - 1),
    schedules: all.schedules,
    steps: all.steps,
    failures: all.failures,
    foundAt: 0,
    foundBy: '',
    bound: tally.answering.findLast((phase) => tally.hasEnded(phase))?.planned.name ?? '',
    search: searchState(tally),
    classes: all.classes,
    outcomes: all.outcomes,
    dataRaces: all.races.slice(0, MOST_RACES),
    sawPlain: all.sawPlain,
    closures: [],
    outOfTime: !tally.isDone,
    interrupted: false,
    budgetSpent:
      options.schedules !== undefined && all.runs >= options.schedules ? options.schedules : undefined,
    gaps: all.schedules === 0 ? [] : all.observations.gaps({ threadNames: plan?.threads ?? [] }),
    omissions: all.omissions,
  });
  const { verdict, exhausted, bounded, coverage, classes, outcomes } = result;
  return {
    name: item.name,
    kind: 'search',
    verdict: verdict === 'pass' && !tally.isDone ? 'unknown' : verdict,
    schedules: result.schedules,
    exhausted,
    failures: causes.map(({ cause, token, preemptions, times, message, proved }) => ({
      cause,
      token,
      preemptions,
      times,
      message,
      proved,
    })),
    strategy: options.strategy ?? 'auto',
    scenario: result.scenario,
    source:
      'file' in source
        ? relative(process.cwd(), join(root, source.file))
        : (source.arguments[0] ?? source.name),
    seed: result.seed,
    steps: result.steps,
    ...(classes === undefined ? {} : { classes }),
    failed: all.failures,
    bounded,
    ...(outcomes === undefined ? {} : { outcomes }),
    dataRaces: result.dataRaces.length,
    coverage,
    fraction: tally.fraction ?? null,
    seconds: tally.seconds,
    problems: tally.problems,
  };
}

/** How far the last search has come, as a search in one thread says. */
function searchState({ answering }: Tally): SearchState | undefined {
  const last = answering.at(-1);
  if (last === undefined || !last.planned.ends) return undefined;
  const { name, branches } = last.planned;
  if (branches.subtrees !== undefined) return { name, extra: last.sum.extra };
  if (name === 'states') return { name, extra: last.sum.extra, states: last.sum.states };
  if (!name.startsWith('dfs')) return { name };
  return { name, cut: last.sum.cut, fraction: last.sum.share };
}

/** A cause as a failure, for a verdict, which reads neither threads nor trace. */
function asFailure(cause: Tally['failures'][number]): Failure {
  return { ...cause, minimal: cause.proved ? 'proved' : 'best-found', threads: [], trace: [], sites: [] };
}
