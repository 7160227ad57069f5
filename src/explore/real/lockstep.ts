import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { fromPlain, IrqError } from '../../base/irq-error.ts';
import { sayTime } from '../../base/plural.ts';
import type { WorkerPool } from '../../base/pool.ts';
import { isControlled, withControlledAtomics } from '../control/controlled-atomics.ts';
import { withControlledViews } from '../control/controlled-views.ts';
import { withControlledEnvironment } from '../control/environment.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { ScenarioSource } from '../loading/source.ts';
import type { Range } from '../memory/ownership.ts';
import type { Divergence, Step } from '../running/executor.ts';
import { HandedState } from '../running/handed-state.ts';
import { describeOperation, LOCK, OPERATION_NAMES } from '../running/operation.ts';
import { type SetUp, setUp } from '../running/simulation.ts';
import { ThreadRunner } from '../running/thread-runner.ts';
import type { FailureKind, ThreadEnd, TraceEntry } from '../telling/result.ts';
import { explainThrown } from '../telling/verdict.ts';
import {
  Baton,
  DIVERGED,
  ENDED,
  FAILED,
  LENGTH,
  LIVE,
  MAIN,
  QUIT,
  RECORD,
  SLEEPERS,
  START,
  STEP,
  STOP,
  THREW,
  wordsFor,
} from './baton.ts';
import { requireCloneable } from './cloneable.ts';
import type { LockstepReport, Reported } from './lockstep-thread.ts';
import { type StartedThreads, startThreads } from './started-threads.ts';

export type LockstepOptions = {
  readonly seed?: number;
  /** The longest schedule; default 10,000. */
  readonly steps?: number;
  /** A thread without an operation for this long is taken to never end; default 10. */
  readonly hangSeconds?: number;
  /** Bytes whose plain accesses are steps; default none. */
  readonly shared?: readonly Range[];
};

/** The run of a schedule on real threads. */
export type LockstepRun = {
  /** With `record`: each step, as the simulated executor reports steps, but without marks of preemptions. */
  readonly trace: readonly TraceEntry[];
  readonly threads: readonly ThreadEnd[];
  readonly steps: number;
  /** The error of a thread or of `finally`, or an endless thread. `threads` shows threads that wait forever. */
  readonly failure?: {
    readonly kind: FailureKind;
    readonly message: string;
    readonly sites: readonly string[];
    readonly stack?: string;
  };
  readonly diverged?: Divergence;
};

/**
 * A scenario on real worker threads, one operation at a time along a schedule. The threads persist; each schedule
 * starts from the bytes after setup. Runs are synchronous: the calling thread sleeps meanwhile.
 */
export class Lockstep {
  readonly #scenario: CheckedScenario;
  readonly #setUp: SetUp;
  readonly #runner: ThreadRunner;
  readonly #bases: readonly number[];
  readonly #baton: Baton;
  readonly #capacity: number;
  readonly #pool: WorkerPool;
  readonly #ports: readonly MessagePort[];
  readonly #ended: Promise<unknown>;
  readonly #hangMs: number;
  #broken = false;

  /**
   * Starts the threads.
   * @param source - the module of the same scenario, for the threads.
   * @throws IrqError `ERR_SCENARIO` if the state cannot be sent to them.
   */
  static async start(
    scenario: CheckedScenario,
    source: ScenarioSource,
    options: LockstepOptions = {},
  ): Promise<Lockstep> {
    const { seed = 0, steps = 10_000, hangSeconds = 10, shared = [] } = options;
    const made = setUp(scenario, seed);
    requireCloneable(scenario.name, made.state);
    made.memory.markFresh();
    const threads = scenario.bodies.length;
    const control = new Int32Array(new SharedArrayBuffer(wordsFor(threads, steps) * 4));
    const started = await startThreads(
      'lockstep',
      { scenario, source, setUp: made, seed, control },
      { shared },
    );
    const baton = new Baton(control, threads, MAIN, 0);
    return new Lockstep(scenario, made, seed, baton, steps, started, hangSeconds * 1000);
  }

  private constructor(
    scenario: CheckedScenario,
    made: SetUp,
    seed: number,
    baton: Baton,
    capacity: number,
    { pool, ports, ended }: StartedThreads,
    hangMs: number,
  ) {
    this.#scenario = scenario;
    this.#setUp = made;
    this.#runner = new ThreadRunner(scenario, new HandedState(scenario, undefined), made.memory, seed);
    this.#bases = made.memory.buffers.map((buffer) => made.memory.locate(new Uint8Array(buffer)));
    this.#baton = baton;
    this.#capacity = capacity;
    this.#pool = pool;
    this.#ports = ports;
    this.#ended = ended;
    this.#hangMs = hangMs;
  }

  /**
   * Runs one schedule.
   * @param record - record each step with its values and its place in the source; otherwise, only the end.
   */
  run(schedule: readonly Step[], record = true): LockstepRun {
    if (this.#broken)
      throw new IrqError('ERR_THREAD_SILENT', 'a thread of this session hangs: start another');
    if (schedule.length > this.#capacity) {
      throw new IrqError(
        'ERR_USAGE',
        `the schedule has ${schedule.length} steps, and this session takes ${this.#capacity}`,
      );
    }
    const baton = this.#baton;
    this.#setUp.memory.restore();
    this.#write(schedule, record);
    baton.give(0, START);
    if (baton.take(this.#hangMs) === 0) return this.#hangs();
    for (let t = 0; t < this.#ports.length; t++) {
      if (baton.stateOf(t) !== LIVE) continue;
      baton.give(t, STOP);
      if (baton.take(this.#hangMs) === 0) return this.#hangs();
    }
    return this.#collect(schedule);
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    if (!this.#broken) {
      for (let t = 0; t < this.#ports.length; t++) this.#baton.give(t, QUIT);
      await this.#ended;
    }
    for (const port of this.#ports) port.close();
    await this.#pool.destroy();
  }

  #write(schedule: readonly Step[], record: boolean): void {
    const { words } = this.#baton;
    for (const [i, { thread, op, buffer, byteOffset, size }] of schedule.entries()) {
      const at = (this.#bases[buffer] ?? 0) + byteOffset;
      this.#baton.setStep(i, thread, OPERATION_NAMES.indexOf(op), size, at);
    }
    words[STEP] = 0;
    words[LENGTH] = schedule.length;
    words[RECORD] = record ? 1 : 0;
    words[THREW] = 0;
    words[DIVERGED] = 0;
    words[SLEEPERS] = 0;
    for (let t = 0; t < this.#ports.length; t++) this.#baton.clearState(t);
  }

  #collect(schedule: readonly Step[]): LockstepRun {
    const { words } = this.#baton;
    const reports = this.#ports.map(
      (port) => receiveMessageOnPort(port)?.message as LockstepReport | undefined,
    );
    const steps = words[STEP] as number;
    const threads = this.#scenario.threadNames.map((name, t) => this.#endOf(name, t, reports[t]));
    const trace = this.#traceOf(schedule.slice(0, steps), reports);
    const diverged = words[DIVERGED] === 0 ? undefined : this.#divergence(schedule, steps, reports);
    const failure = this.#failureOf(reports, threads, diverged === undefined);
    return {
      trace,
      threads,
      steps,
      ...(failure === undefined ? {} : { failure }),
      ...(diverged === undefined ? {} : { diverged }),
    };
  }

  #traceOf(steps: readonly Step[], reports: readonly (LockstepReport | undefined)[]): TraceEntry[] {
    const next = reports.map(() => 0);
    return steps.flatMap(({ thread }) => {
      const entry = reports[thread]?.log[next[thread] as number];
      next[thread] = (next[thread] as number) + 1;
      if (entry === undefined) return [];
      const { op, at, size, value, result, site, callers } = entry;
      return {
        thread: this.#scenario.threadNames[thread] ?? '',
        op: OPERATION_NAMES[op] ?? 'load',
        target: this.#setUp.memory.nameOf(at, size),
        value,
        result,
        site,
        ...(callers.length > 0 ? { callers } : {}),
      } satisfies TraceEntry;
    });
  }

  #endOf(name: string, t: number, report: LockstepReport | undefined): ThreadEnd {
    const state = this.#baton.stateOf(t);
    if (state === ENDED) return { name, state: 'ended' };
    if (state === FAILED) return { name, state: 'failed' };
    const pending = report?.pending;
    if (pending === undefined) return { name, state: 'runnable' };
    const blocked = pending.op === LOCK && this.#wordAt(pending.at) !== 0;
    return {
      name,
      state: report?.asleep ? 'waiting' : blocked ? 'blocked' : 'runnable',
      at: this.#describe(pending),
      ...(pending.site === '' ? {} : { site: pending.site }),
    };
  }

  #failureOf(
    reports: readonly (LockstepReport | undefined)[],
    threads: readonly ThreadEnd[],
    complete: boolean,
  ): LockstepRun['failure'] {
    for (const report of reports) {
      if (report?.thrown === undefined) continue;
      const sites = [report.log.at(-1)?.site ?? ''].filter((site) => site !== '');
      return explainThrown(fromPlain(report.thrown), `${threads[report.thread]?.name}: `, sites);
    }
    const { finally: check } = this.#scenario;
    if (!complete || check === undefined || threads.some(({ state }) => state !== 'ended')) return undefined;
    try {
      this.#aside(() => check(this.#setUp.state));
      return undefined;
    } catch (thrown) {
      return explainThrown(thrown, 'after the last thread has ended: ', []);
    }
  }

  /** Runs `finally` as the simulated executor does, with clock and chance seeded. */
  #aside(body: () => void): void {
    if (isControlled()) body();
    else {
      const runner = this.#runner;
      withControlledEnvironment(runner, () =>
        withControlledAtomics(runner, () => withControlledViews(() => runner.runAside('finally', body))),
      );
    }
  }

  #divergence(
    schedule: readonly Step[],
    at: number,
    reports: readonly (LockstepReport | undefined)[],
  ): Divergence {
    const wanted = schedule[at];
    const who = this.#scenario.threadNames[wanted?.thread ?? 0] ?? '';
    const saw = reports[wanted?.thread ?? 0]?.saw;
    const expected = wanted?.op ?? 'the end of the schedule';
    if (saw === undefined)
      return { step: at + 1, expected: `${expected} of ${who}`, saw: `the end of ${who}` };
    return { step: at + 1, expected: saw === expected ? `${expected} on another word` : expected, saw };
  }

  #hangs(): LockstepRun {
    this.#broken = true;
    const thread = this.#baton.holder;
    const name = this.#scenario.threadNames[thread] ?? 'a thread';
    return {
      trace: [],
      threads: this.#scenario.threadNames.map((each) => ({ name: each, state: 'runnable' })),
      steps: this.#baton.words[STEP] as number,
      failure: {
        kind: 'livelock',
        message: `${name} has come to no operation for ${sayTime(this.#hangMs / 1000)}, and was stopped: it loops without calling Atomics, or catches the exception that stops it`,
        sites: [],
      },
    };
  }

  #describe({ op, at, size, value }: Reported): string {
    const [a, b] = Array.isArray(value) ? value : [value];
    return describeOperation(op, this.#setUp.memory.nameOf(at, size), a ?? undefined, b ?? undefined);
  }

  #wordAt(at: number): number {
    const { memory } = this.#setUp;
    const { buffer, byteOffset } = memory.place(at);
    const found = memory.buffers[buffer];
    return found === undefined ? 0 : new DataView(found).getInt32(byteOffset, true);
  }
}
