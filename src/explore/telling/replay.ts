import { type CheckedScenario, checkScenario, type Scenario } from '../loading/scenario.ts';
import type { Divergence, Step } from '../running/executor.ts';
import { requireOwnFault } from '../running/native-use.ts';
import { type Simulation, withSimulation } from '../running/simulation.ts';
import { HANG_MS, NO_END, watched } from '../running/watchdog.ts';
import { FollowChoices } from '../search/schedule.ts';
import { toFailure } from './failure.ts';
import { describeHang } from './hang.ts';
import { record } from './record.ts';
import type { Failure, ThreadEnd, TraceEntry } from './result.ts';
import { decodeToken, type Token } from './token.ts';

export type ReplayOptions = {
  /** Most steps of a schedule; default 10,000. */
  readonly steps?: number;
  /** Whether a data race of the schedule is a failure; the default is yes. */
  readonly dataRaces?: 'list' | 'fail';
  /** A thread without an operation for this long is taken to never end; default 10. */
  readonly hangSeconds?: number;
};

/** A replayed schedule. */
export type ReplayResult = {
  readonly scenario: string;
  readonly token: string;
  /** Every step in order, for the executors with real threads. */
  readonly schedule: readonly Step[];
  readonly steps: number;
  readonly preemptions: number;
  readonly threads: readonly ThreadEnd[];
  readonly trace: readonly TraceEntry[];
  /** The failure; absent if the schedule does not fail, or no longer fails. */
  readonly failure?: Failure;
  /** The first step at which the program departed from the token's schedule. */
  readonly diverged?: Divergence;
};

/**
 * Runs the schedule of a token again, in this thread.
 * @throws IrqError `ERR_TOKEN` if the token is damaged, or of another version or scenario.
 */
export function replay<S>(token: string, scenario: Scenario<S>, options: ReplayOptions = {}): ReplayResult {
  return replayChecked(token, checkScenario(scenario), options);
}

/** As {@link replay}, for a checked scenario. */
export function replayChecked(
  text: string,
  scenario: CheckedScenario,
  options: ReplayOptions = {},
): ReplayResult {
  const token = decodeToken(text, scenario.name);
  const limits = { maxSteps: options.steps ?? 10_000, timeouts: token.timeouts };
  return withSimulation(
    scenario,
    token.seed,
    { ...limits, shared: token.shared ?? [], failsOnRace: options.dataRaces !== 'list' },
    (simulation) => {
      const marks = token.marks.length > 0 ? token.marks : undefined;
      const turns = new Map(token.turns);
      const follow = new FollowChoices(turns, marks);
      const { hangSeconds = HANG_MS / 1000 } = options;
      const recording = watched(hangSeconds * 1000, () => record(simulation, turns, follow));
      if (recording === NO_END) return replayedHang(simulation, text, token, follow, hangSeconds);
      requireOwnFault(simulation);
      const { diverged } = recording;
      return {
        scenario: scenario.name,
        token: text.trim(),
        schedule: recording.steps,
        steps: recording.steps.length,
        preemptions: recording.preemptions,
        threads: recording.threads,
        trace: recording.trace,
        ...(recording.failure === undefined
          ? {}
          : { failure: toFailure(simulation, recording, 'best-found', token.seed, token.timeouts) }),
        ...(diverged === undefined ? {} : { diverged: withNames(diverged, scenario) }),
      };
    },
  );
}

/** A replayed schedule that ended when code came to no operation. */
function replayedHang(
  simulation: Simulation,
  text: string,
  { seed, timeouts }: Token,
  { preempted }: FollowChoices,
  seconds: number,
): ReplayResult {
  const { failure, fragment } = describeHang(simulation, seconds, seed, timeouts, preempted);
  simulation.runner.abandon();
  const { steps, threads, trace } = fragment;
  return {
    scenario: simulation.scenario.name,
    token: text.trim(),
    schedule: steps,
    steps: steps.length,
    preemptions: preempted.size,
    threads,
    trace,
    failure: { ...failure, token: text.trim() },
  };
}

function withNames(divergence: Divergence, scenario: CheckedScenario): Divergence {
  const expected = divergence.expected.replace(
    /^thread (\d+)/,
    (all, digits: string) => scenario.threadNames[Number(digits)] ?? all,
  );
  return { ...divergence, expected };
}
