import { NATIVE } from '../control/controlled-atomics.ts';
import { LOAD, NOTIFY, STORE, WAIT } from '../running/operation.ts';

/**
 * Shared memory of a lockstep session. Each thread and the main thread has one baton word, on a cache line of its own.
 * Only the holder of the baton touches the other words, so they need no Atomics.
 */
const LINE = 16;
/** The main thread as a holder of the baton. */
export const MAIN = -1;

/** The holder's words: steps done, steps in total, see Status, and so on. */
export const STEP = LINE;
export const LENGTH = LINE + 1;
const HOLDER = LINE + 2;
/** Whether threads record each operation with its place in the source. */
export const RECORD = LINE + 3;
/** The thread that goes on after a woken thread. */
export const RETURN_TO = LINE + 4;
/** Whether a thread has thrown: then no thread goes on. */
export const THREW = LINE + 5;
export const DIVERGED = LINE + 6;
/** The threads in Atomics.wait, first come first: their number, and the threads. */
export const SLEEPERS = LINE + 7;
const SLEEPER = 2 * LINE;
const THREADS = 4 * LINE;

/** The message to the thread that gets the baton. */
export const START = 1;
export const STEP_ON = 2;
export const WOKEN = 3;
export const RESUME = 4;
export const STOP = 5;
export const QUIT = 6;
export const DONE = 7;

/** Words of a thread after its baton. */
const STATE = 1;
const ASLEEP_AT = 2;
/** States. */
export const LIVE = 0;
export const ENDED = 1;
export const FAILED = 2;
export const STOPPED = 3;

/** Words of one step: thread, operation and size, address. */
const STEP_WORDS = 3;

export function wordsFor(threads: number, steps: number): number {
  return THREADS + threads * LINE + steps * STEP_WORDS;
}

const native = {
  load: NATIVE[LOAD] as (words: Int32Array, at: number) => number,
  store: NATIVE[STORE] as (words: Int32Array, at: number, value: number) => number,
  wait: NATIVE[WAIT] as (words: Int32Array, at: number, value: number, ms?: number) => string,
  notify: NATIVE[NOTIFY] as (words: Int32Array, at: number, count: number) => number,
};

/** A thread's (or the main thread's) view of a session. */
export class Baton {
  readonly words: Int32Array;
  readonly #me: number;
  readonly #own: number;
  readonly #steps: number;
  readonly #spin: number;

  /** @param spin - loads of the baton before the thread sleeps; 0 if all threads share one core. */
  constructor(words: Int32Array, threads: number, me: number, spin: number) {
    this.words = words;
    this.#me = me;
    this.#own = batonOf(me);
    this.#steps = THREADS + threads * LINE;
    this.#spin = spin;
  }

  /** Hands the baton to `to` with a message. */
  give(to: number, word: number): void {
    const at = batonOf(to);
    this.words[HOLDER] = to;
    native.store(this.words, at, word);
    native.notify(this.words, at, 1);
  }

  /**
   * Sleeps until the baton comes.
   * @param ms - bound of the wait.
   * @returns the message; 0 past the bound.
   */
  take(ms = Infinity): number {
    const { words } = this;
    const at = this.#own;
    let word = native.load(words, at);
    for (let i = this.#spin; word === 0 && i > 0; i--) word = native.load(words, at);
    while (word === 0) {
      if (native.wait(words, at, 0, ms) === 'timed-out') return 0;
      word = native.load(words, at);
    }
    native.store(words, at, 0);
    return word;
  }

  setState(state: number): void {
    this.words[this.#own + STATE] = state;
  }

  clearState(thread: number): void {
    this.words[batonOf(thread) + STATE] = LIVE;
  }

  /** The thread that has the baton, or is about to get the baton. */
  get holder(): number {
    return this.words[HOLDER] as number;
  }

  stateOf(thread: number): number {
    return this.words[batonOf(thread) + STATE] as number;
  }

  /** Writes step number `i` of the schedule. */
  setStep(i: number, thread: number, op: number, size: number, at: number): void {
    const from = this.#steps + i * STEP_WORDS;
    this.words[from] = thread;
    this.words[from + 1] = (op << 8) | size;
    this.words[from + 2] = at;
  }

  /** The thread of the next step; MAIN at the end of the schedule, or after an error. */
  get next(): number {
    const { words } = this;
    const step = words[STEP] as number;
    if (step >= (words[LENGTH] as number) || words[THREW] !== 0) return MAIN;
    return words[this.#steps + step * STEP_WORDS] as number;
  }

  /** Whether the next step is this operation of this thread. */
  expects(op: number, size: number, at: number): boolean {
    const from = this.#steps + (this.words[STEP] as number) * STEP_WORDS;
    return this.words[from + 1] === ((op << 8) | size) && this.words[from + 2] === at;
  }

  /** The code of the next step's operation. */
  get expectedOp(): number {
    return (this.words[this.#steps + (this.words[STEP] as number) * STEP_WORDS + 1] as number) >> 8;
  }

  /** Appends this thread to the sleepers. */
  fallAsleep(at: number): void {
    const { words } = this;
    words[this.#own + ASLEEP_AT] = at;
    const n = words[SLEEPERS] as number;
    words[SLEEPER + n] = this.#me;
    words[SLEEPERS] = n + 1;
  }

  /** Removes up to `most` sleepers at an address, in the order in which they came. */
  wake(at: number, most: number): number[] {
    const { words } = this;
    const woken: number[] = [];
    const n = words[SLEEPERS] as number;
    for (let i = 0; i < n && woken.length < most; i++) {
      const t = words[SLEEPER + i] as number;
      if (words[batonOf(t) + ASLEEP_AT] === at) woken.push(t);
    }
    for (const t of woken) this.remove(t);
    return woken;
  }

  /** Removes one sleeper. */
  remove(thread: number): void {
    const { words } = this;
    const n = words[SLEEPERS] as number;
    const at = words.subarray(SLEEPER, SLEEPER + n).indexOf(thread);
    if (at < 0) return;
    words.copyWithin(SLEEPER + at, SLEEPER + at + 1, SLEEPER + n);
    words[SLEEPERS] = n - 1;
  }
}

function batonOf(thread: number): number {
  return thread === MAIN ? 0 : THREADS + thread * LINE;
}
