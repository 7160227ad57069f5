import type { MessagePort } from 'node:worker_threads';
import { IrqError, toPlain } from '../../errors/irq-error.ts';
import { Chance } from '../chance.ts';
import type { IntegerArray } from '../operation.ts';
import type { CheckedScenario } from '../scenario.ts';
import { loadSource, type ScenarioSource } from '../source.ts';
import {
  ABORT,
  ARRIVED,
  ASLEEP,
  BELL,
  BLOCKED,
  ENDED,
  FAILED,
  GO,
  JITTER,
  LEFT,
  NAP,
  NAP_BUFFER,
  NAP_BYTE,
  NAP_WIDE,
  STATE,
  STOP,
  threadAt,
} from './free-control.ts';

/** What a free thread gets. */
export type FreeTask = {
  readonly source: ScenarioSource;
  readonly thread: number;
  readonly seed: number;
  readonly control: Int32Array;
  /** Looks at a word before the thread sleeps; 0 where all threads share one core. */
  readonly spin: number;
  readonly state: unknown;
  readonly buffers: readonly SharedArrayBuffer[];
  readonly port: MessagePort;
};

/** Thrown out of a wait that will never end. */
const GIVEN_UP: object = Object.freeze({ irqloom: 'this thread sleeps for good; let it through' });
/** So much longer than for a run does a thread look out for the others at its start. */
const PATIENCE = 20;
/** The longest jitter, in turns of an empty loop: some microseconds. */
const JITTER_BITS = 13;

/** The body of a free thread: run after run on the engine's own Atomics, until told to stop. */
export async function serveFree(task: FreeTask): Promise<void> {
  const scenario = await loadSource(task.source);
  const { port } = task;
  // Only the wait that has no end is replaced, to know who sleeps; it is the engine's that sleeps.
  const native = Atomics.wait;
  Atomics.wait = napper(task, native) as typeof Atomics.wait;
  port.postMessage('ready');
  try {
    serve(task, scenario);
  } finally {
    Atomics.wait = native;
    port.close();
  }
}

function serve({ thread, seed, control, spin, state, port }: FreeTask, scenario: CheckedScenario): void {
  const own = threadAt(thread);
  const body = scenario.bodies[thread] as (state: unknown) => void;
  const threads = scenario.bodies.length;
  const chance = new Chance(seed);
  for (let run = 0; ; ) {
    let now = Atomics.load(control, GO);
    for (let i = spin; now === run && i > 0; i--) now = Atomics.load(control, GO);
    if (now === run) {
      sleep(control, GO, run);
      continue;
    }
    run = now;
    if (Atomics.load(control, STOP) !== 0) return;
    line(control, threads, spin * PATIENCE);
    chance.begin(run * 32 + thread);
    control[own + JITTER] = dawdle(chance.below(1 << chance.below(JITTER_BITS)));
    let how = ENDED;
    try {
      body(state);
    } catch (error) {
      if (Atomics.load(control, ABORT) !== 0) how = BLOCKED;
      else {
        how = FAILED;
        port.postMessage(toPlain(error));
      }
    }
    if (how === ENDED && Atomics.load(control, ABORT) !== 0) how = BLOCKED;
    Atomics.store(control, own + STATE, how);
    const left = Atomics.sub(control, LEFT, 1) - 1;
    if (left === 0 || Atomics.load(control, ASLEEP) === left) ring(control);
  }
}

/** The engine's wait, kept before it is replaced. */
const sleep = Atomics.wait;

/** Waits, for some 100 microseconds at most, until all threads are here, so that they set off together. */
function line(control: Int32Array, threads: number, spin: number): void {
  Atomics.add(control, ARRIVED, 1);
  for (let i = spin; i > 0 && Atomics.load(control, ARRIVED) < threads; i--);
}

/** Turns of a loop whose result is used, so that it is not left out. */
function dawdle(turns: number): number {
  let sum = 0;
  for (let i = 0; i < turns; i++) sum = (sum + i) | 0;
  return sum;
}

function ring(control: Int32Array): void {
  Atomics.store(control, BELL, 1);
  Atomics.notify(control, BELL);
}

/** Atomics.wait that tells the main thread where this thread sleeps. */
function napper(task: FreeTask, native: typeof Atomics.wait) {
  const { control, thread, buffers } = task;
  const own = threadAt(thread);
  return function wait(array: IntegerArray, index: number, value: unknown, ms?: number): string {
    const plain = native as unknown as (a: IntegerArray, i: number, v: unknown, ms?: number) => string;
    if (ms !== undefined && Number(ms) < Infinity) return plain(array, index, value, ms);
    if (Atomics.load(control, ABORT) !== 0) throw GIVEN_UP;
    const buffer = ArrayBuffer.isView(array) ? buffers.indexOf(array.buffer as SharedArrayBuffer) : -1;
    if (buffer < 0) {
      if (plain(array, index, value, 0) === 'not-equal') return 'not-equal';
      throw new IrqError(
        'ERR_UNSUPPORTED',
        'Atomics.wait without a timeout on memory that no other thread of the scenario shares would never end',
      );
    }
    control[own + NAP_BUFFER] = buffer;
    control[own + NAP_BYTE] = array.byteOffset + index * array.BYTES_PER_ELEMENT;
    control[own + NAP_WIDE] = array.BYTES_PER_ELEMENT === 8 ? 1 : 0;
    Atomics.add(control, own + NAP, 1);
    const asleep = Atomics.add(control, ASLEEP, 1) + 1;
    if (asleep === Atomics.load(control, LEFT)) ring(control);
    const answer = plain(array, index, value);
    Atomics.sub(control, ASLEEP, 1);
    Atomics.add(control, own + NAP, 1);
    if (Atomics.load(control, ABORT) !== 0) throw GIVEN_UP;
    return answer;
  };
}
