import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { load, store, type Words } from '../memory/word.ts';
import { runStress, type StressOptions } from '../stress/index.ts';
import type { Item } from './item.ts';

type StressItem = Extract<Item, { kind: 'stress' }>;

/** The counts of stress runs, as plain data that adds up. */
export type StressSum = {
  readonly runs: number;
  readonly injected: number;
  readonly delivered: number;
  readonly coalesced: number;
  readonly lost: number;
  readonly misrouted: number;
  readonly spurious: number;
  readonly stranded: number;
  /** Rules of the architecture that did not hold. */
  readonly broken: number;
  /** From signal to handler, ns: buckets that are not empty, in the shape {@link LATENCY}. */
  readonly latency: readonly (readonly [bucket: number, count: number])[];
  /** The faults, each with its number of runs, and the seed of the first such run. */
  readonly causes: readonly { readonly cause: string; readonly times: number; readonly seed: number }[];
  /** Time of injection, s. */
  readonly seconds: number;
};

export const NO_RUNS: StressSum = {
  runs: 0,
  injected: 0,
  delivered: 0,
  coalesced: 0,
  lost: 0,
  misrouted: 0,
  spurious: 0,
  stranded: 0,
  broken: 0,
  latency: [],
  causes: [],
  seconds: 0,
};

/** Adds two sums: counts and histograms by addition, of causes the lowest seed. */
export function addRuns(a: StressSum, b: StressSum): StressSum {
  const latency = new Map(a.latency);
  for (const [bucket, count] of b.latency) latency.set(bucket, (latency.get(bucket) ?? 0) + count);
  const causes = new Map(a.causes.map((each) => [each.cause, each]));
  for (const { cause, times, seed } of b.causes) {
    const known = causes.get(cause);
    causes.set(cause, {
      cause,
      times: times + (known?.times ?? 0),
      seed: Math.min(seed, known?.seed ?? seed),
    });
  }
  return {
    runs: a.runs + b.runs,
    injected: a.injected + b.injected,
    delivered: a.delivered + b.delivered,
    coalesced: a.coalesced + b.coalesced,
    lost: a.lost + b.lost,
    misrouted: a.misrouted + b.misrouted,
    spurious: a.spurious + b.spurious,
    stranded: a.stranded + b.stranded,
    broken: a.broken + b.broken,
    latency: [...latency].sort(([x], [y]) => x - y),
    causes: [...causes.values()].sort((x, y) => (x.cause < y.cause ? -1 : 1)),
    seconds: a.seconds + b.seconds,
  };
}

/** The distribution that the buckets of a sum stand for. */
export function latencyOf({ latency }: Pick<StressSum, 'latency'>): Distribution {
  const distribution = new Distribution(LATENCY);
  for (const [bucket, count] of latency) distribution.addAt(bucket, count);
  return distribution;
}

/** SPIs beside the MSIs where the topology says nothing, as `irqloom stress -v …` has them. */
const SPIS = 8;

/** The options of one run, which `irqloom stress` takes as flags. */
export function stressOptionsOf({ topology, seconds }: StressItem, seed: number): StressOptions {
  const { vcpus, devices, events, spis = SPIS, ...more } = topology;
  return {
    iterations: 0,
    churn: 'heavy',
    dispatch: 'both',
    fault: 'none',
    perturb: 'mixed',
    lines: spis < 2 ? 'irq-line' : 'both',
    ...more,
    input: { vcpus, devices, events },
    spis,
    seconds,
    seed,
  };
}

/**
 * Runs a topology once, with threads of its own beside this one.
 * @param control - see `JobTask`
 * @returns undefined for a run that was stopped before its time, and has to be repeated
 */
export async function runTopology(
  item: StressItem,
  seed: number,
  control: Words,
): Promise<StressSum | undefined> {
  const latency = new Distribution(LATENCY);
  const abort = new AbortController();
  const result = await runStress(stressOptionsOf(item, seed), {
    signal: abort.signal,
    glance: () => {
      store(control, 1, load(control, 1) + 1);
      if (load(control, 0) !== 0) abort.abort();
    },
    finished: ({ vcpus }) => {
      for (const vcpu of vcpus) latency.merge(vcpu.latency);
    },
  });
  if (result.interrupted) return undefined;
  const { injected, delivered, coalesced, lost, misrouted, spurious, stranded, seconds, rules } = result;
  const causes = new Map<string, number>();
  const count = (cause: string, times: number) => {
    if (times > 0) causes.set(cause, times);
  };
  const violations = { lost, misrouted, spurious, stranded };
  for (const [kind, times] of Object.entries(violations)) count(kind, times);
  for (const breach of rules?.breaches ?? []) count(`rule: ${breach.replace(/\d+/g, '#')}`, 1);
  return {
    ...NO_RUNS,
    runs: 1,
    injected,
    delivered,
    coalesced,
    ...violations,
    broken: rules?.broken ?? 0,
    latency: [...latency.counts()],
    causes: [...causes].map(([cause, times]) => ({ cause, times, seed })),
    seconds,
  };
}
