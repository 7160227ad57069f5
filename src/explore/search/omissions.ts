import { plural } from '../../base/plural.ts';
import { ENDLESS_ROUNDS } from '../running/loops.ts';
import type { Simulation } from '../running/simulation.ts';
import { shortPlace } from '../telling/sites.ts';

/** The facts about a search that decide its omissions, besides the simulation. */
export type Limits = {
  /** The most steps of a schedule that the strategy chooses. */
  readonly steps: number;
  /** The search has met schedules of more steps. */
  readonly cutShort: boolean;
  /** A schedule could not begin as before, so the schedules that follow from it were left out. */
  readonly strayed: boolean;
};

/**
 * The omissions of a search, for any number of schedules: each a phrase. An omission may be asked for (plain
 * accesses that are no points), or forced by the scenario (schedules that are too long, loops without end).
 */
export function omissionsOf(simulation: Simulation, { steps, cutShort, strayed }: Limits): string[] {
  const { scenario, simulator, memory } = simulation;
  const { nativeUse } = scenario;
  const { plain, plainWriteAt, letGo, countsRounds } = simulator.tracks;
  const omissions: string[] = [];
  if (scenario.plain === 'off') {
    omissions.push(
      'accesses to shared memory without Atomics, which were switched off as points of a schedule',
    );
  } else if (plain) {
    const where = plainWriteAt < 0 ? '' : ` (a write to ${memory.nameOf(plainWriteAt & ~3, 4)})`;
    omissions.push(`plain accesses to shared memory${where}: each belongs to the step before`);
  }
  if (nativeUse !== undefined) {
    const where = nativeUse.site === '' ? '' : ` (${shortPlace(nativeUse.site)})`;
    omissions.push(
      `the reads and writes of shared memory by native code: ${nativeUse.thread} hands a view to native code${where}`,
    );
  }
  if (strayed) omissions.push('schedules that should begin as an earlier one did, and could not');
  if (cutShort) omissions.push(`schedules of more than ${plural(steps, 'step')}`);
  if (letGo) {
    const rounds = ENDLESS_ROUNDS.toLocaleString('en-US');
    omissions.push(
      `the steps after a loop of more than ${rounds} equal rounds: the loop was taken for endless`,
    );
  }
  if (countsRounds >= 0) {
    omissions.push(
      `schedules in which ${scenario.threadNames[countsRounds]} waits for more than one round of a loop: it counts them, or looks at the clock`,
    );
  }
  // The same order as where parts of a search are added up.
  return omissions.sort();
}
