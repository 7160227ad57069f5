import { Chance } from '../../base/chance.ts';
import { type PlainError, toPlain } from '../../base/irq-error.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { SharedMemory } from '../memory/shared-memory.ts';
import { Blueprint } from '../running/blueprint.ts';
import { explainThrown } from '../telling/verdict.ts';
import {
  ARRIVED,
  ASLEEP,
  ASSERTED,
  ASSERTIONS,
  AWAKE,
  BLOCKED,
  DEADLOCK,
  DEADLOCKS,
  DONE,
  ENDED,
  EPOCH,
  EXCEPTIONS,
  FIRST_RUN,
  FRESH,
  GO,
  GOING,
  JITTER,
  LEFT,
  OVER,
  RUNNING,
  RUNS,
  STATE,
  STOP,
  THREW,
  threadAt,
  VERDICT,
  VERDICT_BITS,
} from './free-control.ts';
import type { FreeTask } from './free-entry.ts';
import { isGivenUp, ring } from './nap.ts';

/** A thread's report at the end of a batch. */
export type FreeReport = {
  /** The first failure of this batch that this thread knows. */
  readonly first?: { readonly run: number; readonly thread: number; readonly thrown: PlainError };
  /** The outcomes of the runs that this thread judged. */
  readonly outcomes: Readonly<Record<string, number>>;
};

/** `first.thread` for an error of `finally`. */
export const FINALLY = -1;

/** At the start of a run, a thread spins for the others up to this multiple of a batch's spin. */
const PATIENCE = 20;
/** The least number of loads: some microseconds' worth. */
const FEW_LOOKS = 2000;
/** The longest jitter, in rounds of an empty loop: some microseconds. */
const JITTER_BITS = 12;

/** The engine's wait before its replacement: for sleep that is not the scenario's. */
const sleep = Atomics.wait;

/**
 * One free-running thread of a scenario. The threads run batches by themselves: the last thread at the start of a run
 * judges the run before, restores the memory, and lets all threads set off together.
 */
export class FreeThread {
  readonly #task: FreeTask;
  readonly #scenario: CheckedScenario;
  readonly #memory: SharedMemory;
  readonly #states: Blueprint;
  readonly #control: Int32Array;
  readonly #chance: Chance;
  #first: FreeReport['first'];
  #outcomes: Record<string, number> = {};
  #looks: number;

  constructor(task: FreeTask, scenario: CheckedScenario) {
    this.#task = task;
    this.#scenario = scenario;
    this.#control = task.control;
    this.#chance = new Chance(task.seed);
    this.#memory = new SharedMemory(task.state, task.buffers, undefined, task.aliases);
    this.#memory.markFresh();
    this.#states = new Blueprint(scenario.name, task.state, false);
    this.#looks = task.spin;
  }

  /** Runs batches until told to stop. */
  serve(): void {
    const control = this.#control;
    for (let batch = 0; ; ) {
      batch = this.#awaitChange(GO, batch, this.#task.spin);
      if (Atomics.load(control, STOP) !== 0) return;
      this.#first = undefined;
      this.#outcomes = {};
      while (this.#lineUp()) this.#run();
      const report: FreeReport = {
        outcomes: this.#outcomes,
        ...(this.#first === undefined ? {} : { first: this.#first }),
      };
      this.#task.port.postMessage(report);
      if (Atomics.add(control, OVER, 1) === this.#scenario.bodies.length - 1) ring(control);
    }
  }

  /** Waits until all threads are at the start; false at the end of the batch. */
  #lineUp(): boolean {
    const control = this.#control;
    const epoch = Atomics.load(control, EPOCH);
    const threads = this.#scenario.bodies.length;
    if (Atomics.add(control, ARRIVED, 1) < threads - 1) {
      this.#awaitChange(EPOCH, epoch, this.#task.spin);
    } else {
      if (control[FRESH] === 0) this.#judge(epoch);
      control[FRESH] = 0;
      this.#memory.restore();
      control[LEFT] = threads;
      control[ASLEEP] = 0;
      control[ARRIVED] = 0;
      control[AWAKE] = 0;
      for (let t = 0; t < threads; t++) control[threadAt(t) + STATE] = RUNNING;
      // Decided once for all threads: the main thread may end the batch at any moment.
      control[GOING] = Atomics.load(control, DONE) < Atomics.load(control, RUNS) ? 1 : 0;
      Atomics.store(control, EPOCH, epoch + 1);
      Atomics.notify(control, EPOCH);
    }
    if (control[GOING] !== 1) return false;
    this.#awaitOthers(threads);
    return true;
  }

  #run(): void {
    const control = this.#control;
    const { thread } = this.#task;
    const own = threadAt(thread);
    const run = this.#number;
    this.#chance.begin(run * 32 + thread);
    control[own + JITTER] = dawdle(this.#chance.below(1 << this.#chance.below(JITTER_BITS)));
    let how = ENDED;
    try {
      (this.#scenario.bodies[thread] as (state: unknown) => void)(this.#states.copy());
    } catch (thrown) {
      if (!isGivenUp(control)) how = this.#note(run, thread, thrown);
    }
    if (isGivenUp(control)) how = BLOCKED;
    Atomics.store(control, own + STATE, how);
    const left = Atomics.sub(control, LEFT, 1) - 1;
    if (left > 0 && Atomics.load(control, ASLEEP) === left) ring(control);
  }

  /** The number of the current run, from 1 over all batches. */
  get #number(): number {
    return (this.#control[FIRST_RUN] as number) + Atomics.load(this.#control, DONE);
  }

  /** Judges the run that has just ended; called by one thread while all others are at the start. */
  #judge(epoch: number): void {
    const control = this.#control;
    if (isGivenUp(control)) {
      let verdict = Atomics.load(control, VERDICT);
      while (verdict >> VERDICT_BITS !== epoch) verdict = this.#awaitChange(VERDICT, verdict, 0);
      // The check disturbed a run that was no deadlock: the run is repeated.
      if (verdict !== ((epoch << VERDICT_BITS) | DEADLOCK)) return;
      control[DEADLOCKS] = (control[DEADLOCKS] as number) + 1;
    } else {
      const states = this.#scenario.bodies.map((_, t) => Atomics.load(control, threadAt(t) + STATE));
      const how = states.find((state) => state !== ENDED) ?? this.#check();
      if (how === ASSERTED) control[ASSERTIONS] = (control[ASSERTIONS] as number) + 1;
      if (how === THREW) control[EXCEPTIONS] = (control[EXCEPTIONS] as number) + 1;
    }
    Atomics.add(control, DONE, 1);
  }

  #check(): number {
    const { finally: check, outcomes } = this.#scenario;
    const { state } = this.#task;
    let outcome: string;
    try {
      check?.(state);
      if (outcomes === undefined) return ENDED;
      outcome = outcomes.of(state);
    } catch (thrown) {
      return this.#note(this.#number, FINALLY, thrown);
    }
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    if (outcomes.allowed.includes(outcome) || outcomes.interesting?.includes(outcome)) return ENDED;
    const thrown = new Error(`the outcome ${JSON.stringify(outcome)} is not among those allowed`);
    thrown.name = 'AssertionError';
    return this.#note(this.#number, FINALLY, thrown);
  }

  #note(run: number, thread: number, thrown: unknown): number {
    this.#first ??= { run, thread, thrown: toPlain(thrown) };
    return explainThrown(thrown, '', []).kind === 'assertion' ? ASSERTED : THREW;
  }

  /**
   * Spins for threads that slept and take some ten microseconds to wake, so that all set off together. If spinning did
   * not help, because the threads have no core, the next spin is half as long; if it helped, twice as long.
   */
  #awaitOthers(threads: number): void {
    const control = this.#control;
    const most = this.#task.spin * PATIENCE;
    let awake = Atomics.add(control, AWAKE, 1) + 1;
    let left = Math.min(this.#looks, most);
    for (; left > 0 && awake < threads; left--) awake = Atomics.load(control, AWAKE);
    this.#looks = awake === threads ? Math.min(most, this.#looks * 2) : Math.max(FEW_LOOKS, this.#looks >> 1);
  }

  /** Waits until a word is no longer `value`: spins for a while, then sleeps. Returns the new value. */
  #awaitChange(at: number, value: number, looks: number): number {
    const control = this.#control;
    let now = Atomics.load(control, at);
    for (let i = looks; now === value && i > 0; i--) now = Atomics.load(control, at);
    while (now === value) {
      sleep(control, at, value);
      now = Atomics.load(control, at);
    }
    return now;
  }
}

/** Runs a loop whose result is used, so that the compiler keeps it. */
function dawdle(turns: number): number {
  let sum = 0;
  for (let i = 0; i < turns; i++) sum = (sum + i) | 0;
  return sum;
}
