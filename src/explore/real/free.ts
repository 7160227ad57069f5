import { setImmediate } from 'node:timers/promises';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { fromPlain, IrqError } from '../../base/irq-error.ts';
import type { WorkerPool } from '../../base/pool.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { ScenarioSource } from '../loading/source.ts';
import { type SetUp, setUp } from '../running/simulation.ts';
import type { FailureKind } from '../telling/result.ts';
import { explainThrown } from '../telling/verdict.ts';
import { requireCloneable } from './cloneable.ts';
import {
  ABORT,
  ARRIVED,
  ASLEEP,
  ASSERTIONS,
  BELL,
  DEADLOCK,
  DEADLOCKS,
  DISTURBED,
  DONE,
  EPOCH,
  EXCEPTIONS,
  FIRST_RUN,
  FRESH,
  GO,
  LEFT,
  NAP,
  NAP_BUFFER,
  NAP_BYTE,
  NAP_WIDE,
  OVER,
  RUNNING,
  RUNS,
  STATE,
  STOP,
  threadAt,
  VERDICT,
  VERDICT_BITS,
  wordsFor,
} from './free-control.ts';
import { FINALLY, type FreeReport } from './free-thread.ts';
import { type StartedThreads, startThreads } from './started-threads.ts';

export type FreeOptions = {
  readonly seed?: number;
  /** Number of runs, default 10,000. */
  readonly runs?: number;
  /** Bound in seconds, default 60. */
  readonly seconds?: number;
  /** A run that takes longer never ends, and its threads are replaced; default 1. */
  readonly hangSeconds?: number;
  /** One shared word; after a thread stores a value other than 0, the runs end at the next batch. */
  readonly stopWord?: Int32Array;
};

/** How often uncontrolled real threads hit a failure. */
export type FreeResult = {
  readonly executor: 'free';
  readonly scenario: string;
  readonly seed: number;
  readonly verdict: 'pass' | 'fail' | 'unknown';
  readonly runs: number;
  readonly failures: number;
  /** Failed runs, by kind. Deadlock: all unfinished threads slept; livelock: no end within the bound. */
  readonly kinds: Readonly<Partial<Record<FailureKind, number>>>;
  readonly first?: {
    /** Counted from 1. */
    readonly run: number;
    readonly kind: FailureKind;
    readonly message: string;
    readonly sites: readonly string[];
  };
  readonly outcomes?: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly runsPerSecond: number;
};

type First = NonNullable<FreeResult['first']>;

/** The end of a batch. */
type Batch = {
  readonly runs: number;
  readonly kinds: Readonly<Partial<Record<FailureKind, number>>>;
  readonly first?: First;
  readonly outcomes: Readonly<Record<string, number>>;
};

/** After this long without a change while all threads sleep, the main thread wakes them one by one, to be sure. */
const CALM_MS = 0.3;
/** Interval at which the main thread checks without a ring of its bell. */
const LOOK_MS = 5;
/** Most runs between two returns to the event loop. */
const BATCH = 500;

/**
 * Runs the threads of a scenario freely, on the engine's own Atomics, again and again, with a little seeded jitter at
 * each start: measures how often chance meets a failure.
 * @throws IrqError `ERR_SCENARIO` if the state cannot be sent to real threads.
 */
export async function runFree(
  scenario: CheckedScenario,
  source: ScenarioSource,
  options: FreeOptions = {},
): Promise<FreeResult> {
  const { seed = 0, runs = 10_000, seconds = 60, hangSeconds = 1, stopWord } = options;
  const isStopped = (): boolean => stopWord !== undefined && Atomics.load(stopWord, 0) !== 0;
  const kinds: Partial<Record<FailureKind, number>> = {};
  const outcomes: Record<string, number> = {};
  let threads = await FreeThreads.start(scenario, source, seed);
  const from = performance.now();
  const deadline = from + seconds * 1000;
  let first: First | undefined;
  let run = 0;
  try {
    while (run < runs && performance.now() < deadline && !isStopped()) {
      const batch = threads.run(Math.min(BATCH, runs - run), run + 1, hangSeconds * 1000, deadline);
      run += batch.runs;
      add(kinds, batch.kinds);
      add(outcomes, batch.outcomes);
      if (first === undefined || (batch.first?.run ?? Infinity) < first.run) first = batch.first ?? first;
      await setImmediate();
      if (!threads.broken || run >= runs) continue;
      await threads.close();
      threads = await FreeThreads.start(scenario, source, seed);
    }
  } finally {
    await threads.close();
  }
  const spent = Math.max(1e-6, (performance.now() - from) / 1000);
  const failures = Object.values(kinds).reduce((sum, times) => sum + times, 0);
  return {
    executor: 'free',
    scenario: scenario.name,
    seed,
    verdict: failures > 0 ? 'fail' : run < runs ? 'unknown' : 'pass',
    runs: run,
    failures,
    kinds,
    ...(first === undefined ? {} : { first }),
    ...(scenario.outcomes === undefined ? {} : { outcomes }),
    seconds: spent,
    runsPerSecond: Math.round(run / spent),
  };
}

function add(sums: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [key, times] of Object.entries(more)) sums[key] = (sums[key] ?? 0) + times;
}

class FreeThreads {
  readonly #scenario: CheckedScenario;
  readonly #setUp: SetUp;
  readonly #control: Int32Array;
  readonly #pool: WorkerPool;
  readonly #ports: readonly MessagePort[];
  readonly #ended: Promise<unknown>;
  broken = false;

  static async start(scenario: CheckedScenario, source: ScenarioSource, seed: number): Promise<FreeThreads> {
    const made = setUp(scenario, seed);
    requireCloneable(scenario.name, made.state);
    made.memory.markFresh();
    const n = scenario.bodies.length;
    const control = new Int32Array(new SharedArrayBuffer(wordsFor(n) * 4));
    const threads = await startThreads('free', { scenario, source, setUp: made, seed, control }, {});
    return new FreeThreads(scenario, made, control, threads);
  }

  private constructor(
    scenario: CheckedScenario,
    made: SetUp,
    control: Int32Array,
    { pool, ports, ended }: StartedThreads,
  ) {
    this.#scenario = scenario;
    this.#setUp = made;
    this.#control = control;
    this.#pool = pool;
    this.#ports = ports;
    this.#ended = ended;
  }

  /** Runs a batch. A thread that never ends breaks off the batch and the session. */
  run(runs: number, firstRun: number, hangMs: number, deadline: number): Batch {
    const control = this.#control;
    control[RUNS] = runs;
    control[FIRST_RUN] = firstRun;
    control[FRESH] = 1;
    control[DONE] = 0;
    control[ARRIVED] = 0;
    control[OVER] = 0;
    control[LEFT] = 0;
    control[ASLEEP] = 0;
    control[BELL] = 0;
    for (const kind of [ASSERTIONS, EXCEPTIONS, DEADLOCKS]) control[kind] = 0;
    Atomics.add(control, GO, 1);
    Atomics.notify(control, GO);
    let deadlock: First | undefined;
    let progress = -1;
    let since = performance.now();
    for (;;) {
      Atomics.wait(control, BELL, 0, LOOK_MS);
      // Before the check of unfinished threads, so that no ring is lost.
      Atomics.store(control, BELL, 0);
      if (Atomics.load(control, OVER) === this.#ports.length) break;
      const now = performance.now();
      if (Atomics.load(control, EPOCH) !== progress) {
        progress = Atomics.load(control, EPOCH);
        since = now;
      }
      // The time is over: the current run is the last one.
      if (now > deadline) Atomics.store(control, RUNS, 0);
      const asleep = this.#calm();
      if (asleep > 0) {
        const broken = this.#breakDeadlock(asleep, hangMs);
        deadlock ??= broken;
      } else if (now - since > hangMs) return this.#giveUp(hangMs);
    }
    return this.#collect(deadlock);
  }

  async close(): Promise<void> {
    if (!this.broken) {
      Atomics.store(this.#control, STOP, 1);
      Atomics.add(this.#control, GO, 1);
      Atomics.notify(this.#control, GO);
      await this.#ended;
    }
    for (const port of this.#ports) port.close();
    await this.#pool.destroy();
  }

  #collect(deadlock: First | undefined): Batch {
    const outcomes: Record<string, number> = {};
    let first = deadlock;
    for (const port of this.#ports) {
      const report = receiveMessageOnPort(port)?.message as FreeReport | undefined;
      if (report === undefined)
        throw new IrqError('ERR_THREAD_DIED', 'a thread did not say how its runs went');
      add(outcomes, report.outcomes);
      if (report.first !== undefined && report.first.run < (first?.run ?? Infinity)) {
        first = this.#explain(report.first);
      }
    }
    return { ...this.#counts(), outcomes, ...(first === undefined ? {} : { first }) };
  }

  #counts(): Pick<Batch, 'runs' | 'kinds'> {
    const control = this.#control;
    const counted = { assertion: ASSERTIONS, exception: EXCEPTIONS, deadlock: DEADLOCKS } as const;
    const kinds: Partial<Record<FailureKind, number>> = {};
    for (const [kind, at] of Object.entries(counted) as [keyof typeof counted, number][]) {
      const times = Atomics.load(control, at);
      if (times > 0) kinds[kind] = times;
    }
    return { runs: Atomics.load(control, DONE), kinds };
  }

  #explain({ run, thread, thrown }: NonNullable<FreeReport['first']>): First {
    const who =
      thread === FINALLY ? 'after the last thread has ended: ' : `${this.#scenario.threadNames[thread]}: `;
    const { kind, message, sites } = explainThrown(fromPlain(thrown), who, []);
    return { run, kind, message, sites };
  }

  /** The number of unfinished threads, if all of them sleep, and stay asleep for a moment; else 0. */
  #calm(): number {
    const control = this.#control;
    const left = Atomics.load(control, LEFT);
    if (left === 0 || Atomics.load(control, ASLEEP) !== left) return 0;
    const before = this.#naps();
    Atomics.wait(control, BELL, 0, CALM_MS);
    const same = Atomics.load(control, LEFT) === left && Atomics.load(control, ASLEEP) === left;
    return same && before === this.#naps() ? left : 0;
  }

  #naps(): string {
    const naps = this.#ports.map((_, t) => Atomics.load(this.#control, threadAt(t) + NAP));
    return `${Atomics.load(this.#control, EPOCH)} ${naps.join()}`;
  }

  /**
   * Wakes all `asleep` sleeping threads, one by one. If each thread was asleep when woken, all slept at once,
   * and no thread was left to wake them: a deadlock. Otherwise a thread was just on its way, and the run does
   * not count. If the run had not ended when the caller abandoned it, no other run begins before the verdict
   * on this one.
   */
  #breakDeadlock(asleep: number, hangMs: number): First | undefined {
    const control = this.#control;
    const until = performance.now() + hangMs;
    const epoch = Atomics.load(control, EPOCH);
    const run = (control[FIRST_RUN] as number) + Atomics.load(control, DONE);
    const names: string[] = [];
    let woken = 0;
    Atomics.store(control, ABORT, epoch);
    for (let round = 0; Atomics.load(control, LEFT) > 0 && Atomics.load(control, EPOCH) === epoch; round++) {
      for (const [t, name] of this.#scenario.threadNames.entries()) {
        if (Atomics.load(control, threadAt(t) + STATE) !== RUNNING) continue;
        const where = this.#whereAsleep(t);
        if (round > 0) this.#wake(t);
        else if (this.#wake(t) > 0) {
          woken++;
          names.push(`${name} on ${where}`);
        }
      }
      if (performance.now() > until) break;
      Atomics.wait(control, BELL, 0, CALM_MS);
      Atomics.store(control, BELL, 0);
    }
    const verdict = woken === asleep ? DEADLOCK : DISTURBED;
    Atomics.store(control, VERDICT, (epoch << VERDICT_BITS) | verdict);
    Atomics.notify(control, VERDICT);
    if (verdict === DISTURBED) return undefined;
    const message = `all that have not ended sleep: ${names.join('; ')}`;
    return { run, kind: 'deadlock', message, sites: [] };
  }

  #wake(t: number): number {
    const control = this.#control;
    const own = threadAt(t);
    const buffer = this.#setUp.memory.buffers[control[own + NAP_BUFFER] ?? 0];
    const byte = control[own + NAP_BYTE] ?? 0;
    if (buffer === undefined || (Atomics.load(control, own + NAP) & 1) === 0) return 0;
    return control[own + NAP_WIDE] === 1
      ? Atomics.notify(new BigInt64Array(buffer), byte / 8, 1)
      : Atomics.notify(new Int32Array(buffer), byte / 4, 1);
  }

  #whereAsleep(t: number): string {
    const { memory } = this.#setUp;
    const own = threadAt(t);
    const buffer = memory.buffers[this.#control[own + NAP_BUFFER] ?? 0];
    if (buffer === undefined) return 'a word';
    const at = memory.locate(new Uint8Array(buffer)) + (this.#control[own + NAP_BYTE] ?? 0);
    return memory.nameOf(at, this.#control[own + NAP_WIDE] === 1 ? 8 : 4);
  }

  /** The end of a batch at an endless run: the counts up to that run, and the run itself. */
  #giveUp(hangMs: number): Batch {
    this.broken = true;
    const control = this.#control;
    const { runs, kinds } = this.#counts();
    const names = this.#scenario.threadNames.filter((_, t) => control[threadAt(t) + STATE] === RUNNING);
    const message = `no end within ${hangMs / 1000} s: ${names.join(', ')}`;
    const run = (control[FIRST_RUN] as number) + runs;
    return {
      runs: runs + 1,
      kinds: { ...kinds, livelock: 1 },
      first: { run, kind: 'livelock', message, sites: [] },
      outcomes: {},
    };
  }
}
