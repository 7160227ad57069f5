import { isDeepStrictEqual } from 'node:util';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { ScenarioSource } from '../loading/source.ts';
import type { Step } from '../running/executor.ts';
import { ENDED, FAILED, OPERATION_NAMES } from '../running/operation.ts';
import { type Simulation, withSimulation } from '../running/simulation.ts';
import { exploreChecked } from '../search/explore.ts';
import type { ExploreOptions } from '../search/explore-options.ts';
import { RandomWalk } from '../search/strategies/random.ts';
import type { RunEnd } from '../search/strategies/strategy.ts';
import { type ReplayOptions, type ReplayResult, replayChecked } from '../telling/replay.ts';
import type { ExploreResult, Failure, ThreadEnd } from '../telling/result.ts';
import { decodeToken, encodeToken } from '../telling/token.ts';
import { Lockstep, type LockstepRun } from './lockstep.ts';

/** A schedule that real threads have run, next to the simulated run. */
export type LockstepReplay = ReplayResult & {
  /** Whether every step, value, word and place in the source equals the simulated run's. */
  readonly sameTrace: boolean;
};

/**
 * Runs the schedule of a token again on real threads, one operation at a time.
 * @param source - the module in which the threads find the scenario.
 * @throws IrqError `ERR_TOKEN` if the token is damaged, or of another version or scenario; `ERR_SCENARIO` if the state
 * cannot be sent to real threads.
 */
export async function replayInLockstep(
  token: string,
  scenario: CheckedScenario,
  source: ScenarioSource,
  options: ReplayOptions & { readonly hangSeconds?: number } = {},
): Promise<LockstepReplay> {
  const plan = replayChecked(token, scenario, options);
  const { seed, shared = [] } = decodeToken(token);
  const { steps = 10_000, hangSeconds = 10 } = options;
  const lockstep = await Lockstep.start(scenario, source, { seed, steps, hangSeconds, shared });
  try {
    return merge(plan, lockstep.run(plan.schedule));
  } finally {
    await lockstep.close();
  }
}

function merge(plan: ReplayResult, run: LockstepRun): LockstepReplay {
  const { failure: _, diverged: changed, ...rest } = plan;
  const all = run.trace.slice(-plan.trace.length);
  // Which threads were runnable is a property of the schedule, the same for every executor.
  const trace = all.map((entry, i) =>
    plan.trace[i]?.preempted ? { ...entry, preempted: true as const } : entry,
  );
  const diverged = changed ?? run.diverged;
  const failure = failureOf(plan, run);
  const { steps, threads } = run;
  return {
    ...rest,
    steps,
    threads,
    trace,
    ...(failure === undefined
      ? {}
      : {
          failure: {
            ...failure,
            token: plan.token,
            preemptions: plan.preemptions,
            minimal: 'best-found',
            steps,
            threads,
            trace,
          },
        }),
    ...(diverged === undefined ? {} : { diverged }),
    sameTrace: isDeepStrictEqual(trace, plan.trace),
  };
}

/**
 * The failure of real threads: a thrown error; or, in the simulated run's words, their final wait, if they ended in the
 * same state.
 */
function failureOf(
  plan: ReplayResult,
  run: LockstepRun,
): Pick<Failure, 'kind' | 'message' | 'sites' | 'stack'> | undefined {
  if (run.failure !== undefined) return run.failure;
  if (plan.failure === undefined || run.diverged !== undefined) return undefined;
  if (plan.threads.every(({ state }) => state === 'ended')) return undefined;
  return isDeepStrictEqual(run.threads.map(comparable), plan.threads.map(comparable))
    ? plan.failure
    : undefined;
}

/** A real thread that spins looks runnable. */
function comparable({ name, state, at }: ThreadEnd): unknown {
  return [name, state === 'spinning' ? 'runnable' : state, at];
}

/** The result of a search with confirmation on real threads. */
export type ConfirmedResult = ExploreResult & {
  readonly executor: 'lockstep';
  /** Schedules that real threads have run as well, and how many of those ended as simulated. */
  readonly confirmed: { readonly schedules: number; readonly agreed: number; readonly sameTrace?: boolean };
  /** Why the verdict is `unknown` although a schedule failed, in simulation or on real threads. */
  readonly doubt?: string;
};

const DEFAULT_RUNS = 200;

/**
 * Searches in simulation, and confirms on real threads, one operation at a time. Confirms the failing schedule: its
 * trace must be the same. Without a failure, confirms schedules of a random walk: they must end as in simulation.
 * @param options - `runs`: number of schedules for real threads, default 200.
 */
export async function exploreInLockstep(
  scenario: CheckedScenario,
  source: ScenarioSource,
  options: ExploreOptions & { readonly runs?: number } = {},
): Promise<ConfirmedResult> {
  const { runs = DEFAULT_RUNS, ...search } = options;
  const { seed = 0, steps = 10_000, hangSeconds = 10 } = options;
  const result = exploreChecked(scenario, search);
  const { failure } = result;
  if (failure !== undefined) {
    if (failure.trace.length === 0)
      return { ...result, executor: 'lockstep', confirmed: { schedules: 0, agreed: 0 } };
    const again = await replayInLockstep(failure.token, scenario, source, { steps, hangSeconds });
    const { sameTrace } = again;
    const agreed = again.failure?.kind === failure.kind ? 1 : 0;
    const confirmed = { schedules: 1, agreed, sameTrace };
    if (agreed === 1) return { ...result, executor: 'lockstep', confirmed };
    return doubted(result, confirmed, 'the schedule fails in simulation, and not in real threads');
  }
  const limits = { maxSteps: steps, timeouts: options.timeouts ?? 'late' };
  // Real threads must know from the start which plain accesses are steps.
  const shared = withSimulation(scenario, seed, limits, ({ simulator, ownership }) => {
    const strategy = new RandomWalk(seed);
    for (let i = 0; i < runs; i++) simulator.run(strategy, i);
    return ownership.ranges;
  });
  const lockstep = await Lockstep.start(scenario, source, { seed, steps, hangSeconds, shared });
  try {
    const { disagreement, ...confirmed } = withSimulation(
      scenario,
      seed,
      { ...limits, shared },
      (simulation) => compare(simulation, lockstep, seed, runs, options),
    );
    if (disagreement === undefined) return { ...result, executor: 'lockstep', confirmed };
    const all = { ...result, failure: disagreement };
    // An error of real threads is a failure, with any verdict of the simulation.
    if (disagreement.kind !== 'nondeterminism')
      return { ...all, executor: 'lockstep', confirmed, verdict: 'fail', exhausted: false };
    return doubted(all, confirmed, 'real threads end in another way than the simulation');
  } finally {
    await lockstep.close();
  }
}

/** A result that real threads do not confirm: no answer, and the first line gives the reason. */
function doubted(
  result: ExploreResult,
  confirmed: ConfirmedResult['confirmed'],
  why: string,
): ConfirmedResult {
  const { coverage } = result;
  return {
    ...result,
    executor: 'lockstep',
    confirmed,
    verdict: 'unknown',
    exhausted: false,
    doubt: why,
    coverage: { ...coverage, statement: `${coverage.statement}; ${why}` },
  };
}

function compare(
  simulation: Simulation,
  lockstep: Lockstep,
  seed: number,
  runs: number,
  options: ExploreOptions,
): { schedules: number; agreed: number; disagreement?: Failure } {
  const { simulator, scenario } = simulation;
  const strategy = new RandomWalk(seed);
  simulator.recordAlways = true;
  for (let i = 0; i < runs; i++) {
    const how = simulator.run(strategy, i) ?? 'ended';
    const schedule = stepsOf(simulation);
    const run = lockstep.run(schedule, false);
    const difference = differenceOf(simulation, how, run);
    if (difference === undefined) continue;
    const choices = Array.from(simulator.choices.subarray(0, simulator.choiceCount));
    const token = encodeToken({
      scenario: scenario.name,
      seed,
      timeouts: options.timeouts ?? 'late',
      turns: choices.map((thread, choice) => [choice, thread] as const),
      marks: [],
      shared: simulation.ownership.ranges,
    });
    const disagreement: Failure = {
      kind: run.failure?.kind ?? 'nondeterminism',
      message: `in real threads, one operation at a time, this schedule ends in another way than in simulation: ${difference}`,
      token,
      preemptions: 0,
      minimal: 'best-found',
      steps: run.steps,
      threads: run.threads,
      trace: [],
      sites: run.failure?.sites ?? [],
    };
    return { schedules: i + 1, agreed: i, disagreement };
  }
  return { schedules: runs, agreed: runs };
}

/** The steps of the last simulated schedule. */
function stepsOf({ simulator, memory }: Simulation): Step[] {
  return Array.from({ length: simulator.steps }, (_, i): Step => {
    const point = simulator.stepPoint[i];
    return {
      thread: simulator.stepThread[i] ?? 0,
      op: OPERATION_NAMES[point?.op ?? 0] ?? 'load',
      ...memory.place(point?.at ?? 0),
      size: point?.size ?? 4,
    };
  });
}

function differenceOf(
  { simulator, scenario }: Simulation,
  how: RunEnd,
  run: LockstepRun,
): string | undefined {
  const { diverged } = run;
  if (diverged !== undefined)
    return `at step ${diverged.step} expected ${diverged.expected}, saw ${diverged.saw}`;
  for (const [t, { name, state }] of run.threads.entries()) {
    const op = simulator.pending[t]?.op;
    const expected = op === ENDED ? 'ended' : op === FAILED ? 'failed' : 'neither';
    const saw = state === 'ended' || state === 'failed' ? state : 'neither';
    if (saw !== expected) return `${name} has ${say(saw)}, and should have ${say(expected)}`;
  }
  const failed = run.failure !== undefined;
  if (how === 'ended' && failed) return run.failure?.message;
  return how === 'failed' && !failed && scenario.outcomes === undefined ? 'nothing was thrown' : undefined;
}

function say(end: string): string {
  return end === 'neither' ? 'neither ended nor thrown' : end;
}
