import type { MessagePort } from 'node:worker_threads';
import { mix } from '../../base/chance.ts';
import { type PlainError, toPlain } from '../../base/irq-error.ts';
import { accepts, convert, isConverted, outside, toPoint } from '../control/call.ts';
import type { Controller } from '../control/controlled-atomics.ts';
import type { TimeAndChance } from '../control/environment.ts';
import { rawOf } from '../control/view-proxy.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { Ownership } from '../memory/ownership.ts';
import type { SharedMemory } from '../memory/shared-memory.ts';
import { execute, valueAt } from '../running/execute.ts';
import { HandedState } from '../running/handed-state.ts';
import {
  type ElementArray,
  format,
  NOTIFY,
  OPERATION_NAMES,
  PLAIN_LOAD,
  type Point,
  TIMEOUT,
  type Value,
  WAIT,
} from '../running/operation.ts';
import { TICK_NS } from '../running/thread-time.ts';
import { uncontrolled } from '../running/unwinding.ts';
import { operandOf } from '../telling/record.ts';
import type { TraceEntry } from '../telling/result.ts';
import { framesAbove } from '../telling/sites.ts';
import {
  type Baton,
  DIVERGED,
  DONE,
  ENDED,
  FAILED,
  LIVE,
  MAIN,
  QUIT,
  RECORD,
  RESUME,
  RETURN_TO,
  START,
  STEP,
  STEP_ON,
  STOP,
  STOPPED,
  THREW,
  WOKEN,
} from './baton.ts';

/** Thrown through a thread's code to end the code in the middle of a schedule. */
const STOPPING: object = Object.freeze({ irqloom: 'this thread is being stopped; let it through' });

/** One operation as a thread reports it; the main thread knows the names of words. */
export type Reported = Pick<TraceEntry, 'value' | 'site'> & {
  readonly op: number;
  readonly at: number;
  readonly size: number;
  readonly callers: readonly string[];
  result: TraceEntry['result'];
};

/** A thread's report at the end of its part in a schedule. */
export type LockstepReport = {
  readonly thread: number;
  readonly log: readonly Reported[];
  /** The operation in which the thread waits, or its next operation. */
  readonly pending?: Reported;
  readonly asleep?: boolean;
  readonly thrown?: PlainError;
  /** The thread's operation, if the schedule has another one. */
  readonly saw?: string;
};

/** The event after the running part of a thread's code. */
type Mode = 'start' | 'step' | 'woken';

/**
 * One real thread of a scenario, run one operation at a time: the thread goes on only while it holds the baton, and at
 * each of its operations passes the baton to the thread of the schedule's next step. Code between two operations
 * belongs to the step before, so the scheduling equals the simulated executor's, step by step. Atomics.wait and notify
 * use a queue of our own: in the engine's, a thread would sleep out of the baton's reach.
 */
export class LockstepThread implements Controller, TimeAndChance {
  readonly #scenario: CheckedScenario;
  readonly #states: HandedState;
  readonly #memory: SharedMemory;
  readonly #baton: Baton;
  readonly #me: number;
  readonly #seed: number;
  readonly #port: MessagePort;
  readonly #ownership: Ownership;
  #mode: Mode = 'start';
  #running = false;
  #stopping = false;
  #pos = 0;
  #clockNs = 0;
  #chance = 0;
  #log: Reported[] = [];
  #pending: Point | undefined;
  #pendingSites: readonly string[] = [];
  #asleep = false;
  #saw: string | undefined;

  constructor(
    scenario: CheckedScenario,
    state: unknown,
    memory: SharedMemory,
    baton: Baton,
    me: number,
    seed: number,
    port: MessagePort,
    ownership: Ownership,
  ) {
    this.#ownership = ownership;
    this.#scenario = scenario;
    this.#states = new HandedState(scenario, state);
    this.#memory = memory;
    this.#baton = baton;
    this.#me = me;
    this.#seed = seed;
    this.#port = port;
  }

  /** Takes part in one schedule after the other, until the main thread ends the session. */
  serve(): void {
    while (this.#baton.take() !== QUIT) this.#takePart();
  }

  #takePart(): void {
    this.#mode = 'start';
    this.#stopping = false;
    this.#pos = 0;
    this.#clockNs = 0;
    this.#chance = mix(this.#seed, this.#me);
    this.#log = [];
    this.#pending = undefined;
    this.#asleep = false;
    this.#saw = undefined;
    this.#running = true;
    let thrown: unknown;
    let threw = false;
    try {
      (this.#scenario.bodies[this.#me] as (state: unknown) => void)(this.#states.copy());
    } catch (error) {
      threw = true;
      thrown = error;
    }
    this.#running = false;
    if (this.#stopping) {
      this.#report(undefined);
      this.#baton.setState(STOPPED);
      this.#baton.give(MAIN, DONE);
      return;
    }
    this.#pending = undefined;
    if (threw) this.#baton.words[THREW] = 1;
    this.#report(threw ? toPlain(thrown) : undefined);
    this.#baton.setState(threw ? FAILED : ENDED);
    this.#passOn();
  }

  request(op: number, handle: ElementArray, index: number, a: unknown, b: unknown): Value {
    if (this.#stopping) throw STOPPING;
    const array = rawOf(handle);
    if (!this.#running) return outside(op, array, index, a, b);
    const base = ArrayBuffer.isView(array) ? this.#memory.find(array) : -1;
    if (base < 0 || !accepts(op, array)) return outside(op, array, index, a, b);
    if (!isConverted(op, array, index, a, b)) {
      const call = convert(op, array, index, a, b);
      return call === undefined ? undefined : this.request(op, array, call.index, call.a, call.b);
    }
    if (
      op >= PLAIN_LOAD &&
      this.#ownership.claim(base + index * array.BYTES_PER_ELEMENT, array.BYTES_PER_ELEMENT, this.#me)
    )
      return outside(op, array, index, a, b);
    const point = toPoint(op, array, index, a, b, base, this.#clockNs + this.#pos * TICK_NS);
    this.#pending = point;
    if (this.#baton.words[RECORD] !== 0) this.#pendingSites = framesAbove(LockstepThread.prototype.request);
    if (this.#passOn()) this.#takeUp();
    return this.#perform(point);
  }

  controls(view: ArrayBufferView): boolean {
    return this.#running && this.#memory.find(view) >= 0;
  }

  handOut<V extends ArrayBufferView>(view: V): V {
    return this.controls(view) ? this.#states.standIn(view) : view;
  }

  made(buffer: SharedArrayBuffer): void {
    if (this.#running) this.#memory.keepPrivate(buffer);
  }

  refuse(what: string, why: string): never {
    throw uncontrolled(what, why);
  }

  nowNs(): number | undefined {
    if (!this.#running) return undefined;
    this.#clockNs += TICK_NS;
    return this.#clockNs + this.#pos * TICK_NS;
  }

  bits(): number | undefined {
    if (!this.#running) return undefined;
    this.#chance = (this.#chance + 0x9e3779b9) | 0;
    return mix(this.#chance, 0);
  }

  /** Passes the baton to the next thread; false if that is this thread, which then keeps the baton. */
  #passOn(): boolean {
    const mode = this.#mode;
    const baton = this.#baton;
    this.#mode = 'step';
    if (mode === 'start' && this.#me + 1 < this.#scenario.bodies.length) {
      baton.give(this.#me + 1, START);
      return true;
    }
    if (mode === 'woken') {
      baton.give(baton.words[RETURN_TO] as number, RESUME);
      return true;
    }
    const { next } = baton;
    if (next === this.#me) {
      if (this.#running) return false;
      // The thread has ended, but the schedule has more steps for it.
      baton.words[DIVERGED] = 1;
      baton.give(MAIN, DONE);
    } else if (next === MAIN) baton.give(MAIN, DONE);
    else if (baton.stateOf(next) !== LIVE) {
      baton.words[DIVERGED] = 1;
      baton.give(MAIN, DONE);
    } else baton.give(next, STEP_ON);
    return true;
  }

  /** Waits for the baton; if its message is to stop, leaves the thread's code. */
  #takeUp(): number {
    const word = this.#baton.take();
    if (word !== STOP) return word;
    this.#stopping = true;
    throw STOPPING;
  }

  #perform(point: Point): Value {
    const baton = this.#baton;
    if (!baton.expects(point.op, point.size, point.at)) this.#diverge(OPERATION_NAMES[point.op] ?? 'another');
    baton.words[STEP] = (baton.words[STEP] as number) + 1;
    const entry = this.#note(point);
    this.#pos++;
    let answer: Value;
    if (point.op === WAIT) answer = this.#wait(point, entry);
    else if (point.op === NOTIFY) answer = this.#notify(point, entry);
    else answer = execute(point);
    if (entry !== undefined) entry.result = plain(answer);
    return answer;
  }

  #wait(point: Point, entry: Reported | undefined): Value {
    const baton = this.#baton;
    if (valueAt(point) !== point.a) return 'not-equal';
    if (point.b === 0) return 'timed-out';
    if (entry !== undefined) entry.result = null;
    baton.fallAsleep(point.at);
    this.#asleep = true;
    const word = this.#passOn() ? this.#takeUp() : STEP_ON;
    this.#asleep = false;
    if (word === WOKEN) {
      this.#mode = 'woken';
      return 'ok';
    }
    // A step of a sleeping thread in the schedule is its timeout.
    if (baton.expectedOp !== TIMEOUT) this.#diverge('it still sleeps');
    baton.remove(this.#me);
    baton.words[STEP] = (baton.words[STEP] as number) + 1;
    if (entry !== undefined) {
      this.#log.push({ ...entry, op: TIMEOUT, value: null, result: 'timed-out' });
    }
    if (typeof point.b === 'number') this.#clockNs += point.b * 1e6;
    return 'timed-out';
  }

  #notify(point: Point, entry: Reported | undefined): number {
    const baton = this.#baton;
    const woken = baton.wake(point.at, point.a === undefined ? Infinity : (point.a as number));
    if (entry !== undefined) entry.result = woken.length;
    // A woken thread runs on to its next operation at once: the end of a wait is no step.
    for (const thread of woken) {
      baton.words[RETURN_TO] = this.#me;
      baton.give(thread, WOKEN);
      this.#takeUp();
      if (baton.words[THREW] === 0) continue;
      baton.give(MAIN, DONE);
      this.#takeUp();
    }
    return woken.length;
  }

  #diverge(saw: string): never {
    this.#saw = saw;
    this.#baton.words[DIVERGED] = 1;
    this.#baton.give(MAIN, DONE);
    this.#takeUp();
    throw STOPPING;
  }

  #note(point: Point): Reported | undefined {
    if (this.#baton.words[RECORD] === 0) return undefined;
    const entry = this.#toReported(point);
    this.#log.push(entry);
    return entry;
  }

  #toReported(point: Point): Reported {
    const [site = '', ...callers] = this.#pendingSites;
    return {
      op: point.op,
      at: point.at,
      size: point.size,
      value: operandOf(point),
      result: null,
      site,
      callers: callers.slice(0, 4),
    };
  }

  #report(thrown: PlainError | undefined): void {
    const pending = this.#pending;
    if (this.#baton.words[RECORD] === 0 && thrown === undefined && this.#saw === undefined) return;
    this.#port.postMessage({
      thread: this.#me,
      log: this.#log,
      ...(pending === undefined ? {} : { pending: this.#toReported(pending), asleep: this.#asleep }),
      ...(thrown === undefined ? {} : { thrown }),
      ...(this.#saw === undefined ? {} : { saw: this.#saw }),
    } satisfies LockstepReport);
  }
}

function plain(value: Value): TraceEntry['result'] {
  return typeof value === 'bigint' ? format(value) : (value ?? null);
}
