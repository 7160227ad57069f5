import { readThrown } from '../../base/thrown.ts';
import { inSource } from '../loading/places.ts';
import { describeOperation, type Point } from '../running/operation.ts';
import type { Simulation } from '../running/simulation.ts';
import type { RunEnd } from '../search/strategies/strategy.ts';
import type { RecordedStep } from './record.ts';
import type { FailureKind, ThreadEnd } from './result.ts';
import { distinctLines, framesOf, responsible, sitesOf } from './sites.ts';
import { explainStuck } from './stuck.ts';

/** The failure of a schedule, in words. */
export type Explanation = {
  readonly kind: FailureKind;
  readonly message: string;
  readonly sites: readonly string[];
  readonly stack?: string;
};

/** Explains the failure of a schedule, with the lines responsible. */
export function explainFault(
  simulation: Simulation,
  how: RunEnd,
  steps: readonly RecordedStep[],
  ends: readonly ThreadEnd[],
): Explanation {
  const { simulator, scenario, memory } = simulation;
  const { fault } = simulator;
  if (fault?.kind === 'threw') {
    const name = scenario.threadNames[fault.thread] ?? '';
    return explainThrown(fault.thrown, `${name}: `, lastSites(steps, fault.thread));
  }
  if (fault?.kind === 'finally') return explainThrown(fault.thrown, 'after the last thread has ended: ', []);
  if (fault?.kind === 'outcomes') return explainThrown(fault.thrown, '`outcomes.of`: ', []);
  if (fault?.kind === 'outcome') {
    return {
      kind: 'assertion',
      message: `the outcome ${JSON.stringify(fault.outcome)} is not among those allowed`,
      sites: [],
    };
  }
  if (fault?.kind === 'data-race') {
    const [first, second] = [steps[fault.race.first], steps[fault.race.second]];
    const say = (step: RecordedStep | undefined): string =>
      step === undefined
        ? ''
        : `${scenario.threadNames[step.thread]} ${describeOperation(step.point.op, memory.nameOf(step.point.at, step.point.size), step.point.a, step.point.b)}`;
    return {
      kind: 'data-race',
      message: `${say(first)} and ${say(second)} touch the same bytes, and nothing orders the two: no operation of Atomics on one word that the first thread writes after its access and the second reads before its own`,
      sites: sitesOf([first, second]),
    };
  }
  if (fault?.kind === 'nondeterminism') {
    const say = (point: Point): string =>
      describeOperation(point.op, point.at < 0 ? '' : memory.nameOf(point.at, point.size), point.a, point.b);
    return {
      kind: 'nondeterminism',
      message: `${scenario.threadNames[fault.thread]} did another thing when it was run again with the same answers: its operation ${fault.step + 1} was ${say(fault.expected)}, and then ${say(fault.saw)}. A thread may depend on nothing but shared memory, and shared memory that changes has to be changed with Atomics`,
      sites: [],
    };
  }
  if (how === 'limit') return explainLimit(simulation, steps, ends);
  return explainStuck(simulation, steps, ends);
}

/** Explains a thrown error and its place. `prefix`: the thread that threw. */
export function explainThrown(value: unknown, prefix: string, sites: readonly string[]): Explanation {
  const { isError, name, message, stack, isAssertion } = readThrown(value);
  if (!isError) return { kind: 'exception', message: `${prefix}threw ${message}`, sites };
  const thrownAt = framesOf(stack).slice(0, 1);
  return {
    kind: isAssertion ? 'assertion' : 'exception',
    message: `${prefix}${isAssertion || name === 'Error' ? '' : `${name}: `}${message}`,
    sites: distinctLines([...thrownAt, ...sites]),
    ...(stack === '' ? {} : { stack: inSource(stack) }),
  };
}

function lastSites(steps: readonly RecordedStep[], thread: number): string[] {
  const last = steps.findLast((step) => step.thread === thread);
  return last === undefined ? [] : responsible(last);
}

/** Explains a schedule that exceeded the limit, though every thread had its turn in the second half. */
function explainLimit(
  simulation: Simulation,
  steps: readonly RecordedStep[],
  ends: readonly ThreadEnd[],
): Explanation {
  const running = ends.flatMap((end, t) => (end.state === 'runnable' ? [t] : []));
  const sites = distinctLines(running.flatMap((t) => lastSites(steps, t)));
  const names = running.map((t) => simulation.scenario.threadNames[t]).join(', ');
  const loops = running.every((t) =>
    repeats(steps.filter((step) => step.thread === t).map((step) => step.point)),
  );
  if (loops && running.length > 0) {
    return {
      kind: 'livelock',
      message: `${names} repeat${running.length === 1 ? 's' : ''} the same operations without end, though every thread has its turn (${steps.length} steps)`,
      sites,
    };
  }
  return {
    kind: 'step-limit',
    message: `not at its end after ${steps.length} steps; still going: ${names || 'none'}`,
    sites,
  };
}

/** Whether the last operations repeat. */
function repeats(points: readonly Point[]): boolean {
  const last = points.slice(-64);
  if (last.length < 64) return false;
  for (let period = 1; period <= 16; period++) {
    if (
      last.every(
        (point, i) => i < period || (point.op === last[i - period]?.op && point.at === last[i - period]?.at),
      )
    )
      return true;
  }
  return false;
}
