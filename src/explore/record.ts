import type { Execution, Step } from './executor.ts';
import {
  CAS,
  describeOperation,
  ENDED,
  FAILED,
  format,
  LOAD,
  LOCK,
  NOTIFY,
  OPERATION_NAMES,
  type Point,
  TIMEOUT,
  UNLOCK,
  type Value,
  WAIT,
} from './operation.ts';
import type { ThreadEnd, TraceEntry } from './result.ts';
import { FollowChoices, type Switch, stepMark } from './schedule.ts';
import type { Simulation } from './simulation.ts';
import type { Fault } from './simulator.ts';
import type { RunEnd } from './strategies/strategy.ts';
import { explainFault } from './verdict.ts';

/** One schedule with all that is known of it. */
export type Recording = Execution & {
  readonly how: RunEnd;
  readonly fault: Fault | undefined;
  readonly switches: readonly Switch[];
  /** The choices that were not the default, by number. */
  readonly turns: ReadonlyMap<number, number>;
  readonly marks: readonly number[];
};

/** One step with its place in the source. */
export type RecordedStep = {
  readonly thread: number;
  readonly point: Point;
  readonly answer: Value;
  readonly effect: number;
  readonly woke: number;
  readonly site: string;
  readonly callers: readonly string[];
};

/** A schedule longer than that is shown by its last steps. */
const LONGEST_TRACE = 400;

/**
 * Runs one schedule slowly and exactly, the threads' code at each step, and notes everything: steps, sites, verdict.
 * @param turns - the choices that are not the default, or all of them.
 */
export function record(
  simulation: Simulation,
  turns: ReadonlyMap<number, number>,
  expectedOps?: readonly number[],
): Recording {
  const { simulator, memory, scenario, runner } = simulation;
  const follow = new FollowChoices(turns, expectedOps);
  const wasDirect = simulator.tracks.direct;
  simulator.tracks.direct = true;
  let how: RunEnd;
  try {
    how = simulator.run(follow, 0) ?? 'ended';
  } finally {
    simulator.tracks.direct = wasDirect;
  }
  const frames = scenario.threadNames.map((_, t) => {
    const waits = (simulator.waiting >>> t) & 1;
    return runner.sites(
      t,
      simulator.paths[t] ?? [],
      simulator.answers[t] ?? [],
      (simulator.done[t] ?? 0) - waits,
    );
  });
  const steps = collectSteps(simulation, frames);
  const trace = steps.map(
    (step, i): TraceEntry => ({
      thread: scenario.threadNames[step.thread] ?? '',
      op: OPERATION_NAMES[step.point.op] ?? 'load',
      target: memory.nameOf(step.point.at, step.point.size),
      value: operandOf(step.point),
      result: plain(step.answer) ?? null,
      site: step.site,
      ...(step.callers.length > 0 ? { callers: step.callers } : {}),
      ...(follow.preempted.has(i) ? { preempted: true } : {}),
    }),
  );
  const ends = endsOf(simulation, frames);
  const choices = Array.from(simulator.choices.subarray(0, simulator.choiceCount));
  const failure = how === 'ended' ? undefined : explainFault(simulation, how, steps, ends);
  return {
    how,
    fault: simulator.fault,
    steps: steps.map(
      (step): Step => ({
        thread: step.thread,
        op: OPERATION_NAMES[step.point.op] ?? 'load',
        ...memory.place(step.point.at),
        size: step.point.size,
      }),
    ),
    trace: trace.slice(-LONGEST_TRACE),
    choices,
    preemptions: follow.preempted.size,
    threads: ends,
    switches: [...follow.switches],
    turns: new Map(follow.turns),
    marks: steps.map((step) => stepMark(step.point.op, step.point.at)),
    ...(failure === undefined ? {} : { failure }),
    ...(follow.diverged === undefined ? {} : { diverged: follow.diverged }),
  };
}

function collectSteps(
  simulation: Simulation,
  frames: readonly (readonly (readonly string[])[])[],
): RecordedStep[] {
  const { simulator } = simulation;
  const count = new Int32Array(simulator.threads);
  const steps: RecordedStep[] = [];
  for (let i = 0; i < simulator.steps; i++) {
    const thread = simulator.stepThread[i] ?? 0;
    const point = simulator.stepPoint[i] as Point;
    const own = point.op === TIMEOUT ? (count[thread] ?? 1) - 1 : (count[thread] ?? 0);
    if (point.op !== TIMEOUT) count[thread] = own + 1;
    const [site = '', ...callers] = frames[thread]?.[own] ?? [];
    steps.push({
      thread,
      point,
      // What a wait was answered is known only when it ended.
      answer: point.op === WAIT ? simulator.answers[thread]?.[own] : simulator.stepAnswer[i],
      effect: simulator.stepEffect[i] ?? 0,
      woke: simulator.stepWoke[i] ?? 0,
      site,
      callers: callers.slice(0, 4),
    });
  }
  return steps;
}

function endsOf(simulation: Simulation, frames: readonly (readonly (readonly string[])[])[]): ThreadEnd[] {
  const { simulator, memory, scenario } = simulation;
  return scenario.threadNames.map((name, t): ThreadEnd => {
    const point = simulator.pending[t] as Point;
    if (point.op === ENDED) return { name, state: 'ended' };
    if (point.op === FAILED) return { name, state: 'failed' };
    const bit = 1 << t;
    const waits = (simulator.waiting & bit) !== 0;
    const site = frames[t]?.[(simulator.done[t] ?? 0) - (waits ? 1 : 0)]?.[0];
    const at = describeOperation(point.op, memory.nameOf(point.at, point.size), point.a, point.b);
    const state = waits
      ? 'waiting'
      : (simulator.enabled & bit) !== 0
        ? 'runnable'
        : point.op === LOCK
          ? 'blocked'
          : 'spinning';
    return { name, state, at, ...(site === undefined ? {} : { site }) };
  });
}

/** The operands of a call, as a trace has them. */
export function operandOf(point: Point): TraceEntry['value'] {
  const { op, a, b } = point;
  if (op === LOAD || op === LOCK || op === UNLOCK || op === TIMEOUT) return null;
  if (op === NOTIFY) return plain(a) ?? null;
  if (op === CAS || (op === WAIT && b !== undefined)) return [plain(a) ?? 0, plain(b) ?? 0];
  return plain(a) ?? null;
}

function plain(value: Value): number | string | undefined {
  return typeof value === 'bigint' ? format(value) : value;
}
