import { readThrown } from '../../base/thrown.ts';
import { requireOwnFault } from '../running/native-use.ts';
import type { Simulation } from '../running/simulation.ts';
import { type Recording, record } from '../telling/record.ts';
import { explainFault } from '../telling/verdict.ts';

/** A failing schedule: its choices, by number, and its fault. */
export type Suspect = {
  readonly choices: ReadonlyMap<number, number>;
  readonly fault: Simulation['simulator']['fault'];
};

/** The schedule that has just been run. */
export function suspectOf({ choices, choiceCount, fault }: Simulation['simulator']): Suspect {
  return {
    choices: new Map(Array.from(choices.subarray(0, choiceCount), (thread, i) => [i, thread])),
    fault,
  };
}

/**
 * Runs a failing schedule once more, step by step. If that run does not fail, the threads have read shared
 * memory without Atomics, and the simulator runs every later schedule step by step. A schedule that fails
 * step by step, but not when repeated step by step, is nondeterminism, which is a failure of its own.
 * @returns the failing run, or undefined if the search has to go on step by step.
 */
export function confirmFailure(simulation: Simulation, { choices, fault }: Suspect): Recording | undefined {
  const { simulator } = simulation;
  simulation.lookAtModules();
  // A nondeterministic thread may differ in another way the second time: the first fault counts.
  const seen = fault?.kind === 'nondeterminism' ? explainFault(simulation, 'failed', [], []) : undefined;
  // The schedule may have begun with values that `finally` of an earlier schedule wrote unseen, and that no
  // check has found.
  if (!simulator.tracks.direct) simulation.memory.lookAtLast();
  const recording = record(simulation, choices);
  if (seen !== undefined) return { ...recording, failure: seen };
  requireOwnFault(simulation);
  if (recording.failure !== undefined) return recording;
  if (!simulator.tracks.direct) {
    simulator.tracks.direct = true;
    return undefined;
  }
  const what = fault !== undefined && 'thrown' in fault ? `: ${readThrown(fault.thrown).message}` : '';
  return {
    ...recording,
    failure: {
      kind: 'nondeterminism',
      message: `this schedule failed${what}; run again, it did not. A thread may depend on nothing but shared memory, and shared memory that changes has to be changed with Atomics`,
      sites: [],
    },
  };
}
