import type { Simulation } from '../running/simulation.ts';
import type { Timeouts } from '../running/simulator-options.ts';
import { culpritOf, type Shrunk } from '../search/shrink.ts';
import type { Recording } from './record.ts';
import type { Failure, SmallerFailure } from './result.ts';
import { encodeToken } from './token.ts';

/** Makes the reported failure of a recording. */
export function toFailure(
  simulation: Simulation,
  recording: Recording,
  minimal: Failure['minimal'],
  seed: number,
  timeouts: Timeouts,
): Failure {
  const explained = recording.failure ?? {
    kind: 'nondeterminism' as const,
    message: 'the failure did not come again',
    sites: [],
  };
  return {
    ...explained,
    token: encodeToken({
      scenario: simulation.scenario.name,
      seed,
      timeouts,
      turns: [...recording.turns],
      marks: recording.marks,
      shared: simulation.ownership.ranges,
    }),
    preemptions: recording.preemptions,
    minimal,
    steps: recording.steps.length,
    threads: recording.threads,
    trace: recording.trace,
  };
}

/** Makes the reported failure of a shrunk schedule. */
export function toShrunkFailure(
  simulation: Simulation,
  { recording, minimal, smaller }: Shrunk,
  seed: number,
  timeouts: Timeouts,
): Failure {
  const failure = toFailure(simulation, recording, minimal, seed, timeouts);
  const thread = simulation.scenario.threadNames[culpritOf(recording)];
  const where = thread === undefined ? '' : ` in ${thread}`;
  return {
    ...failure,
    ...(minimal === 'proved'
      ? { proof: `no schedule with fewer preemptions ends with ${failure.kind}${where}` }
      : {}),
    ...(smaller === undefined
      ? {}
      : { smaller: inShort(toFailure(simulation, smaller, 'best-found', seed, timeouts)) }),
  };
}

function inShort({ kind, message, token, preemptions, steps }: Failure): SmallerFailure {
  return { kind, message, token, preemptions, steps };
}
