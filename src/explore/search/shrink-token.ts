import type { CheckedScenario } from '../loading/scenario.ts';
import { withSimulation } from '../running/simulation.ts';
import { HANG_MS, NO_END, watched } from '../running/watchdog.ts';
import { toShrunkFailure } from '../telling/failure.ts';
import { record } from '../telling/record.ts';
import type { Failure } from '../telling/result.ts';
import { decodeToken } from '../telling/token.ts';
import { endOf } from './causes.ts';
import { FollowChoices } from './schedule.ts';
import { shrink } from './shrink.ts';

/** As the search that found the token had them. */
export type ShrinkOptions = {
  readonly steps: number;
  readonly dataRaces?: 'list' | 'fail';
  /** Schedules to try at most. */
  readonly schedules: number;
  readonly isStopped?: () => boolean;
};

/**
 * Shrinks the schedule of a token, in another thread or on another machine than found the failure, to a
 * schedule that ends in the same way; see causes.ts.
 * @returns undefined if the schedule does not fail, or has no end: then there is nothing to shrink
 * @throws IrqError `ERR_TOKEN`
 */
export function shrinkToken(
  text: string,
  scenario: CheckedScenario,
  { steps, dataRaces, schedules, isStopped }: ShrinkOptions,
): Failure | undefined {
  const { seed, timeouts, shared = [], turns, marks } = decodeToken(text, scenario.name);
  const limits = { maxSteps: steps, timeouts, shared, failsOnRace: dataRaces === 'fail' };
  return withSimulation(scenario, seed, limits, (simulation) => {
    const choices = new Map(turns);
    const follow = () => new FollowChoices(choices, marks.length > 0 ? marks : undefined);
    const found = watched(HANG_MS, () => {
      const recording = record(simulation, choices, follow());
      const how = simulation.simulator.run(follow(), 0) ?? 'ended';
      return { recording, end: endOf(simulation, how) };
    });
    if (found === NO_END) {
      simulation.runner.abandon();
      return undefined;
    }
    const { recording, end } = found;
    if (recording.failure === undefined) return undefined;
    const shrunk = shrink(simulation, recording, {
      schedules,
      hangMs: HANG_MS,
      end,
      ...(isStopped === undefined ? {} : { isStopped }),
    });
    return toShrunkFailure(simulation, shrunk, seed, timeouts);
  });
}
