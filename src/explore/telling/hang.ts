import { plural, sayTime } from '../../base/plural.ts';
import type { Simulation } from '../running/simulation.ts';
import type { Timeouts } from '../running/simulator-options.ts';
import { NO_END, watched } from '../running/watchdog.ts';
import { FollowChoices } from '../search/schedule.ts';
import { type Fragment, fragmentOf } from './record.ts';
import type { Failure } from './result.ts';
import { encodeToken } from './token.ts';

/** How long to wait again for code known to hang, s. */
const AGAIN_SECONDS = 1;

/** A schedule whose code the watchdog stopped, because the code came to no operation for too long. */
export type Hang = { readonly failure: Failure; readonly fragment: Fragment };

/**
 * The failure of a thread, `finally` or `outcomes.of` whose code has just been cut off, because the code came
 * to no operation for too long.
 * @param preempted - the steps before which a runnable thread was preempted
 */
export function describeHang(
  simulation: Simulation,
  seconds: number,
  seed: number,
  timeouts: Timeouts,
  preempted: ReadonlySet<number>,
): Hang {
  const { simulator, runner, scenario, ownership } = simulation;
  const silent = runner.running;
  const who = scenario.threadNames[silent] ?? `\`${runner.aside}\``;
  const operations = silent < 0 ? '' : `after ${plural(runner.answered, 'operation')} `;
  const turns = choicesOf(simulation);
  const fragment = fragmentOf(simulation, preempted, silent);
  const failure: Failure = {
    kind: 'livelock',
    message: `${who} has come to no operation for ${sayTime(seconds)}, and was stopped (each operation of its code begins this limit anew): ${operations}it loops without calling Atomics`,
    token: encodeToken({
      scenario: scenario.name,
      seed,
      timeouts,
      turns: [...turns],
      marks: [],
      shared: ownership.ranges,
    }),
    preemptions: preempted.size,
    minimal: 'best-found',
    steps: simulator.steps,
    threads: fragment.threads,
    trace: fragment.trace,
    sites: [],
  };
  return { failure, fragment };
}

/**
 * As {@link describeHang}, for a schedule that was not recorded: runs the schedule once more, up to its hang.
 * @throws IrqError `ERR_UNSUPPORTED` if the thread catches the exception that should stop the thread
 */
export function recordHang(
  simulation: Simulation,
  seconds: number,
  seed: number,
  timeouts: Timeouts,
): Failure {
  const { simulator, runner } = simulation;
  const before = runner.place;
  const { failure } = describeHang(simulation, seconds, seed, timeouts, new Set());
  const follow = new FollowChoices(choicesOf(simulation));
  runner.abandon();
  const again = watched(Math.min(seconds, AGAIN_SECONDS) * 1000, () => simulator.run(follow, 0));
  if (again !== NO_END) return failure;
  const isSame = simulator.steps === failure.steps && runner.place === before;
  const hang = describeHang(simulation, seconds, seed, timeouts, follow.preempted);
  runner.abandon();
  return isSame ? hang.failure : failure;
}

function choicesOf({ simulator: { choices, choiceCount } }: Simulation): Map<number, number> {
  return new Map(Array.from(choices.subarray(0, choiceCount), (thread, i) => [i, thread]));
}
