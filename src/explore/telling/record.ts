import type { Fault } from '../running/end.ts';
import type { Execution, Step } from '../running/executor.ts';
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
  PLAIN_LOAD,
  type Point,
  TIMEOUT,
  UNLOCK,
  type Value,
  WAIT,
} from '../running/operation.ts';
import type { Simulation } from '../running/simulation.ts';
import { inOnePiece } from '../running/watchdog.ts';
import { FollowChoices, type Switch, stepMark } from '../search/schedule.ts';
import type { RunEnd } from '../search/strategies/strategy.ts';
import { learnNotifiers } from './notifiers.ts';
import type { FailureKind, ThreadEnd, TraceEntry } from './result.ts';
import { framesAbove } from './sites.ts';
import { explainFault } from './verdict.ts';

/** One fully recorded schedule. */
export type Recording = Execution & {
  readonly how: RunEnd;
  readonly fault: Fault | undefined;
  readonly switches: readonly Switch[];
  /** The non-default choices, by number. */
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

/** Longest schedule shown in full; a longer one shows only its last steps. */
const LONGEST_TRACE = 400;
/** Longest schedule recorded step by step. A longer one is recorded as in a search, and checked by the code. */
const MOST_EXACT = 2000;

/** The facts about a schedule while it is shrunk: its failure, and its size. */
export type Sketch = {
  readonly kind: FailureKind | undefined;
  readonly fault: Fault | undefined;
  readonly steps: number;
  readonly preemptions: number;
  readonly switches: readonly Switch[];
  readonly turns: ReadonlyMap<number, number>;
};

/**
 * Runs one schedule and records everything: steps, sites, verdict. Unless the schedule is too long, the
 * threads' code runs exactly, at each step, in time quadratic in the length.
 * @param turns - the non-default choices, or all choices.
 */
export function record(
  simulation: Simulation,
  turns: ReadonlyMap<number, number>,
  follow = new FollowChoices(turns),
): Recording {
  return inOnePiece(() => {
    const { simulator } = simulation;
    let how = simulator.run(follow, 0) ?? 'ended';
    const { tracks, steps } = simulator;
    const stuck = how === 'stuck';
    // This runs other schedules, so the recorded schedule must run once more.
    if (stuck) learnNotifiers(simulation);
    const wasDirect = tracks.direct;
    if (!wasDirect && steps <= MOST_EXACT) tracks.direct = true;
    try {
      if (stuck || tracks.direct !== wasDirect) how = simulator.run(follow, 0) ?? 'ended';
    } finally {
      tracks.direct = wasDirect;
    }
    return describe(simulation, how, follow);
  });
}

/** Runs one schedule with the least recording: no sites, and known points where they suffice. */
export function sketch(simulation: Simulation, turns: ReadonlyMap<number, number>): Sketch {
  const { simulator } = simulation;
  const follow = new FollowChoices(turns);
  const how = simulator.run(follow, 0) ?? 'ended';
  const steps = collectSteps(simulation, NOWHERE);
  const ends = endsOf(simulation, NOWHERE);
  return {
    kind: how === 'ended' ? undefined : explainFault(simulation, how, steps, ends).kind,
    fault: simulator.fault,
    steps: steps.length,
    preemptions: follow.preempted.size,
    switches: [...follow.switches],
    turns: new Map(follow.turns),
  };
}

function describe(simulation: Simulation, how: RunEnd, follow: FollowChoices): Recording {
  const { simulator } = simulation;
  const frames = new Frames(simulation);
  const steps = collectSteps(simulation, frames);
  const ends = endsOf(simulation, frames);
  const choices = Array.from(simulator.choices.subarray(0, simulator.choiceCount));
  const failure = how === 'ended' ? undefined : explainFault(simulation, how, steps, ends);
  return {
    how,
    fault: simulator.fault,
    steps: scheduleOf(simulation, steps),
    trace: traceOf(simulation, steps, follow.preempted),
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

/** The last schedule, in the form for executors with real threads. */
function scheduleOf({ memory }: Simulation, steps: readonly RecordedStep[]): Step[] {
  return steps.map(({ thread, point }) => ({
    thread,
    op: OPERATION_NAMES[point.op] ?? 'load',
    ...memory.place(point.at),
    size: point.size,
  }));
}

/** The last schedule, in the form for printing. */
function traceOf(
  { scenario, memory }: Simulation,
  steps: readonly RecordedStep[],
  preempted: ReadonlySet<number>,
): TraceEntry[] {
  const first = Math.max(0, steps.length - LONGEST_TRACE);
  return steps.slice(first).map(
    (step, i): TraceEntry => ({
      thread: scenario.threadNames[step.thread] ?? '',
      op: OPERATION_NAMES[step.point.op] ?? 'load',
      target: memory.nameOf(step.point.at, step.point.size),
      value: operandOf(step.point),
      result: plain(step.answer) ?? null,
      site: step.site,
      ...(step.callers.length > 0 ? { callers: step.callers } : {}),
      ...(preempted.has(first + i) ? { preempted: true } : {}),
    }),
  );
}

/** The known part of a schedule whose code was cut off: without places in the source. */
export type Fragment = {
  readonly steps: readonly Step[];
  readonly trace: readonly TraceEntry[];
  readonly threads: readonly ThreadEnd[];
};

/** The schedule that was just cut off. @param silent - the thread whose code was cut off; -1 for none */
export function fragmentOf(simulation: Simulation, preempted: ReadonlySet<number>, silent: number): Fragment {
  const steps = collectSteps(simulation, NOWHERE);
  return {
    steps: scheduleOf(simulation, steps),
    trace: traceOf(simulation, steps, preempted),
    threads: endsOf(simulation, NOWHERE).map((end, t) =>
      t === silent ? { name: end.name, state: 'runnable', at: 'a loop without operations' } : end,
    ),
  };
}

/** The callers of the last schedule's operations. */
class Frames {
  readonly #simulation: Simulation;
  /** By thread: its operations in the shown part of the schedule, and the requested ones before. */
  readonly #known: (readonly string[])[][];

  constructor(simulation: Simulation) {
    const { simulator, scenario } = simulation;
    this.#simulation = simulation;
    const from = Int32Array.from(simulator.done);
    for (let i = Math.max(0, simulator.steps - LONGEST_TRACE); i < simulator.steps; i++) {
      const t = simulator.stepThread[i] as number;
      if (simulator.stepPoint[i]?.op !== TIMEOUT) from[t] = (from[t] as number) - 1;
    }
    this.#known = scenario.threadNames.map((_, t) => {
      const waits = (simulator.waiting >>> t) & 1;
      return [...this.#run(t, (simulator.done[t] ?? 0) - waits, Math.max(0, from[t] as number))];
    });
  }

  of(thread: number, operation: number): readonly string[] {
    const known = this.#known[thread] ?? [];
    known[operation] ??= this.#run(thread, operation, operation)[operation] ?? [];
    return known[operation] ?? [];
  }

  #run(t: number, count: number, from: number): readonly (readonly string[])[] {
    const { simulator, runner } = this.#simulation;
    return runner.sites(t, simulator.paths[t] ?? [], simulator.answers[t] ?? [], count, from, framesAbove);
  }
}

type Places = { of(thread: number, operation: number): readonly string[] };
const NOWHERE: Places = { of: () => [] };

function collectSteps(simulation: Simulation, frames: Places): RecordedStep[] {
  const { simulator } = simulation;
  const count = new Int32Array(simulator.threads);
  const steps: RecordedStep[] = [];
  for (let i = 0; i < simulator.steps; i++) {
    const thread = simulator.stepThread[i] ?? 0;
    const point = simulator.stepPoint[i] as Point;
    const own = point.op === TIMEOUT ? (count[thread] ?? 1) - 1 : (count[thread] ?? 0);
    if (point.op !== TIMEOUT) count[thread] = own + 1;
    steps.push({
      thread,
      point,
      // The answer of a wait is known only at its end.
      answer: point.op === WAIT ? simulator.answers[thread]?.[own] : simulator.stepAnswer[i],
      effect: simulator.stepEffect[i] ?? 0,
      woke: simulator.stepWoke[i] ?? 0,
      get site() {
        return frames.of(thread, own)[0] ?? '';
      },
      get callers() {
        return frames.of(thread, own).slice(1, 5);
      },
    });
  }
  return steps;
}

function endsOf(simulation: Simulation, frames: Places): ThreadEnd[] {
  const { simulator, memory, scenario } = simulation;
  return scenario.threadNames.map((name, t): ThreadEnd => {
    const point = simulator.pending[t] as Point;
    if (point.op === ENDED) return { name, state: 'ended' };
    if (point.op === FAILED) return { name, state: 'failed' };
    const bit = 1 << t;
    const waits = (simulator.waiting & bit) !== 0;
    const site = frames.of(t, (simulator.done[t] ?? 0) - (waits ? 1 : 0))[0];
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

/** The operands of a call, in a trace's form. */
export function operandOf(point: Point): TraceEntry['value'] {
  const { op, a, b } = point;
  if (op === LOAD || op === PLAIN_LOAD || op === LOCK || op === UNLOCK || op === TIMEOUT) return null;
  if (op === NOTIFY) return plain(a) ?? null;
  if (op === CAS || (op === WAIT && b !== undefined)) return [plain(a) ?? 0, plain(b) ?? 0];
  return plain(a) ?? null;
}

function plain(value: Value): number | string | undefined {
  return typeof value === 'bigint' ? format(value) : value;
}
