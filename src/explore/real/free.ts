import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { fromPlain, IrqError, type PlainError } from '../../errors/irq-error.ts';
import type { FailureKind } from '../result.ts';
import type { CheckedScenario } from '../scenario.ts';
import { type SetUp, setUp } from '../simulation.ts';
import type { ScenarioSource } from '../source.ts';
import { explainThrown } from '../verdict.ts';
import { requireCloneable } from './cloneable.ts';
import {
  ABORT,
  ARRIVED,
  ASLEEP,
  BELL,
  FAILED,
  GO,
  LEFT,
  NAP,
  NAP_BUFFER,
  NAP_BYTE,
  NAP_WIDE,
  RUNNING,
  STATE,
  STOP,
  threadAt,
  wordsFor,
} from './free-control.ts';
import type { FreeTask } from './free-entry.ts';
import { RealThreads } from './pool.ts';
import { fromThread } from './thread-error.ts';

export type FreeOptions = {
  readonly seed?: number;
  /** How many runs; 10,000 where not given. */
  readonly runs?: number;
  /** Stop after that many seconds; 60 where not given. */
  readonly seconds?: number;
  /** A run that takes longer is one that never ends, and its threads are replaced; 1 where not given. */
  readonly hangSeconds?: number;
};

/** How often real threads that nobody controls hit a failure. */
export type FreeResult = {
  readonly executor: 'free';
  readonly scenario: string;
  readonly seed: number;
  readonly verdict: 'pass' | 'fail' | 'unknown';
  readonly runs: number;
  readonly failures: number;
  /** Runs that failed, by kind. Deadlock: all that had not ended slept; livelock: no end within the bound. */
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

type End = { readonly kind: FailureKind; readonly message: string; readonly sites: readonly string[] };

const SPIN = 2000;
const READY_MS = 30_000;
/** All sleep, and nothing has changed for so long: then they are woken one by one, to be sure. */
const CALM_MS = 0.3;
/** How often the main thread looks without having been rung. */
const LOOK_MS = 5;
const YIELD_MS = 100;

/**
 * Runs the threads of a scenario freely, on the engine's own Atomics, again and again, with a little seeded jitter at
 * each start: says how often plain luck meets a failure.
 * @throws IrqError `ERR_SCENARIO` where the state cannot be sent to real threads.
 */
export async function runFree(
  scenario: CheckedScenario,
  source: ScenarioSource,
  options: FreeOptions = {},
): Promise<FreeResult> {
  const { seed = 0, runs = 10_000, seconds = 60, hangSeconds = 1 } = options;
  const started = performance.now();
  const kinds: Partial<Record<FailureKind, number>> = {};
  const outcomes: Record<string, number> = {};
  let threads = await FreeThreads.start(scenario, source, seed);
  const from = performance.now();
  let first: FreeResult['first'];
  let run = 0;
  let failures = 0;
  try {
    for (let yielded = from; run < runs && performance.now() - started < seconds * 1000; ) {
      const end = threads.run(hangSeconds * 1000);
      if (end === 'disturbed') continue;
      run++;
      if (end !== undefined) {
        failures++;
        kinds[end.kind] = (kinds[end.kind] ?? 0) + 1;
        first ??= { run, ...end };
      }
      const outcome = threads.outcome();
      if (outcome !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (threads.broken) {
        await threads.close();
        threads = await FreeThreads.start(scenario, source, seed + run);
      }
      if (performance.now() - yielded < YIELD_MS) continue;
      await setImmediate();
      yielded = performance.now();
    }
  } finally {
    await threads.close();
  }
  const spent = Math.max(1e-6, (performance.now() - from) / 1000);
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

class FreeThreads {
  readonly #scenario: CheckedScenario;
  readonly #setUp: SetUp;
  readonly #control: Int32Array;
  readonly #pool: RealThreads;
  readonly #ports: readonly MessagePort[];
  readonly #ended: Promise<unknown>;
  broken = false;
  #complete = false;

  static async start(scenario: CheckedScenario, source: ScenarioSource, seed: number): Promise<FreeThreads> {
    const made = setUp(scenario, seed);
    requireCloneable(scenario.name, made.state);
    made.memory.markFresh();
    const n = scenario.bodies.length;
    const control = new Int32Array(new SharedArrayBuffer(wordsFor(n) * 4));
    // Threads that have to share cores only keep each other from running by looking.
    const spin = availableParallelism() > 1 ? SPIN : 0;
    const pool = new RealThreads(n);
    const ports: MessagePort[] = [];
    const ended: Promise<unknown>[] = [];
    const ready: Promise<unknown>[] = [];
    for (let thread = 0; thread < n; thread++) {
      const { port1, port2 } = new MessageChannel();
      const { state, memory } = made;
      const task: FreeTask = {
        source,
        thread,
        seed,
        control,
        spin,
        state,
        buffers: memory.buffers,
        port: port2,
      };
      ended.push(pool.run('free', task, [port2]));
      ready.push(once(port1, 'message', { signal: AbortSignal.timeout(READY_MS) }));
      port1.unref();
      ports.push(port1);
    }
    const all = Promise.all(ended);
    try {
      await Promise.race([Promise.all(ready), all]);
    } catch (error) {
      await pool.destroy();
      throw fromThread(error);
    }
    all.catch(() => {});
    return new FreeThreads(scenario, made, control, pool, ports, all);
  }

  private constructor(
    scenario: CheckedScenario,
    made: SetUp,
    control: Int32Array,
    pool: RealThreads,
    ports: readonly MessagePort[],
    ended: Promise<unknown>,
  ) {
    this.#scenario = scenario;
    this.#setUp = made;
    this.#control = control;
    this.#pool = pool;
    this.#ports = ports;
    this.#ended = ended;
  }

  /** Runs all threads once; answers how that failed, if it did. `disturbed`: it was taken for a deadlock and was none. */
  run(hangMs: number): End | 'disturbed' | undefined {
    const control = this.#control;
    const n = this.#ports.length;
    this.#setUp.memory.restore();
    this.#complete = false;
    for (let t = 0; t < n; t++) control[threadAt(t) + STATE] = RUNNING;
    control[LEFT] = n;
    control[ASLEEP] = 0;
    control[ARRIVED] = 0;
    control[ABORT] = 0;
    control[BELL] = 0;
    Atomics.add(control, GO, 1);
    Atomics.notify(control, GO);
    const deadline = performance.now() + hangMs;
    for (;;) {
      Atomics.wait(control, BELL, 0, LOOK_MS);
      // Before the look at who is left, so that no bell is wiped out unheard.
      Atomics.store(control, BELL, 0);
      if (Atomics.load(control, LEFT) === 0) break;
      const asleep = this.#calm();
      if (asleep > 0) return this.#breakDeadlock(asleep, hangMs);
      if (performance.now() >= deadline) return this.#giveUp(hangMs);
    }
    const thrown = this.#takeThrown();
    if (thrown !== undefined) return thrown;
    this.#complete = true;
    return this.#check();
  }

  /** Where the scenario has outcomes: that of the last run, if it ended. */
  outcome(): string | undefined {
    return this.#complete ? this.#scenario.outcomes?.of(this.#setUp.state) : undefined;
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

  /** How many threads have not finished, where all of those are asleep, and stay so for a moment; else 0. */
  #calm(): number {
    const control = this.#control;
    const left = Atomics.load(control, LEFT);
    if (left === 0 || Atomics.load(control, ASLEEP) !== left) return 0;
    const naps = this.#naps();
    Atomics.wait(control, BELL, 0, CALM_MS);
    const same = Atomics.load(control, LEFT) === left && Atomics.load(control, ASLEEP) === left;
    return same && naps === this.#naps() ? left : 0;
  }

  #naps(): string {
    return this.#ports.map((_, t) => Atomics.load(this.#control, threadAt(t) + NAP)).join();
  }

  /**
   * Wakes every thread that sleeps, `asleep` of them. Where each was there to be woken, all were asleep at once, and nobody was
   * left who could have woken them: that was a deadlock. Else one was just on its way, and the run counts for nothing.
   */
  #breakDeadlock(asleep: number, hangMs: number): End | 'disturbed' | undefined {
    const control = this.#control;
    const deadline = performance.now() + hangMs;
    Atomics.store(control, ABORT, 1);
    const names: string[] = [];
    let woken = 0;
    for (const [t, name] of this.#scenario.threadNames.entries()) {
      if (Atomics.load(control, threadAt(t) + STATE) !== RUNNING) continue;
      names.push(`${name} on ${this.#whereAsleep(t)}`);
      woken += this.#wake(t);
    }
    while (Atomics.load(control, LEFT) > 0) {
      if (performance.now() >= deadline) return this.#giveUp(hangMs);
      for (let t = 0; t < this.#ports.length; t++) {
        if (Atomics.load(control, threadAt(t) + STATE) === RUNNING) this.#wake(t);
      }
      Atomics.wait(control, BELL, 0, CALM_MS);
      Atomics.store(control, BELL, 0);
    }
    this.#takeThrown();
    if (woken !== asleep) return 'disturbed';
    return { kind: 'deadlock', message: `all that have not ended sleep: ${names.join('; ')}`, sites: [] };
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

  #giveUp(hangMs: number): End {
    this.broken = true;
    const control = this.#control;
    const names = this.#scenario.threadNames.filter((_, t) => control[threadAt(t) + STATE] === RUNNING);
    return { kind: 'livelock', message: `no end within ${hangMs / 1000} s: ${names.join(', ')}`, sites: [] };
  }

  #takeThrown(): End | undefined {
    let found: End | undefined;
    for (const [t, name] of this.#scenario.threadNames.entries()) {
      if (this.#control[threadAt(t) + STATE] !== FAILED) continue;
      const plain = receiveMessageOnPort(this.#ports[t] as MessagePort)?.message as PlainError | undefined;
      if (plain === undefined) throw new IrqError('ERR_THREAD_DIED', `${name} failed and did not say how`);
      found ??= endOf(explainThrown(fromPlain(plain), `${name}: `, []));
    }
    return found;
  }

  #check(): End | undefined {
    const { finally: check, outcomes } = this.#scenario;
    try {
      check?.(this.#setUp.state);
    } catch (thrown) {
      return endOf(explainThrown(thrown, 'after the last thread has ended: ', []));
    }
    const outcome = outcomes?.of(this.#setUp.state);
    if (outcome === undefined || outcomes?.allowed.includes(outcome)) return undefined;
    if (outcomes?.interesting?.includes(outcome)) return undefined;
    return {
      kind: 'assertion',
      message: `the outcome ${JSON.stringify(outcome)} is not among those allowed`,
      sites: [],
    };
  }
}

function endOf({ kind, message, sites }: End): End {
  return { kind, message, sites };
}
