import { type Layout, LINE, type Region } from '../layout.ts';
import type { Words } from '../word.ts';
import { DELAYED_US, DELAYS, type PerturbationRegions, TRANSITIONS } from './account.ts';
import { CHANGER, Meeting, SIGNALLER } from './meeting.ts';
import { LONG_FROM_NS, NO_DELAY, type Perturbation, SLEEP_FROM_NS, Timing } from './timing.ts';
import { LOAD, STEPS, STORE, UPDATE, WAIT, WINDOWS, Windows } from './windows.ts';

/** How the threads of a run are delayed. Plain data. */
export type PerturbationPlan = {
  readonly perturbation: Perturbation;
  readonly seed: number;
  readonly threads: number;
  /** The number of the thread that changes interrupts which other threads signal, or -1. */
  readonly changer: number;
  readonly regions: PerturbationRegions;
  /** The regions with the state words of interrupts. */
  readonly states: readonly Region[];
};

/** The engine's own operations: perturbation replaces the methods of `Atomics`, not these copies. */
const { load, store, add, sub, and, or, xor, exchange, compareExchange, wait, notify } = Atomics;

/** A word that no thread changes or notifies. */
const NOWHERE = new Int32Array(new SharedArrayBuffer(4));
/** The flags of an interrupt's state word. @see gic/state.ts */
const FLAGS = 0xff;

/**
 * Delays the calling thread at its shared operations, by replacing the methods of `Atomics`. An unperturbed
 * thread runs the engine's own methods, so perturbation costs nothing when off. The thread's line of the
 * account records delays and windows.
 * @param words - the machine's words; operations on other views are left alone
 * @param thread - the calling thread's number, below `plan.threads`
 * @returns a function that ends the perturbation of this thread
 */
export function perturb(words: Words, layout: Layout, plan: PerturbationPlan, thread: number): () => void {
  const native = { load, store, add, sub, and, or, xor, exchange, compareExchange, wait, notify };
  const perturber = new Perturber(words, layout, plan, thread);
  const isState = new Uint8Array(Math.ceil(layout.words / LINE));
  for (const { at, words: count } of plan.states) isState.fill(1, at / LINE, Math.ceil((at + count) / LINE));

  /** Wraps a read-modify-write; the word from before tells its effect. */
  const update =
    (
      operation: (view: Int32Array, at: number, value: number) => number,
      after: (before: number, value: number) => number,
    ) =>
    (view: Int32Array, at: number, value: number): number => {
      if (view !== words) return operation(view, at, value);
      perturber.step(UPDATE, at);
      const before = operation(view, at, value);
      if (isState[at >>> 4] === 1) perturber.changed(before, after(before, value));
      return before;
    };

  Object.assign(Atomics, {
    load(view: Int32Array, at: number): number {
      if (view === words) perturber.step(LOAD, at);
      return load(view, at);
    },
    store(view: Int32Array, at: number, value: number): number {
      if (view === words) perturber.step(STORE, at);
      return store(view, at, value);
    },
    add: update(add, (before, value) => (before + value) | 0),
    sub: update(sub, (before, value) => (before - value) | 0),
    and: update(and, (before, value) => before & value),
    or: update(or, (before, value) => before | value),
    xor: update(xor, (before, value) => before ^ value),
    exchange: update(exchange, (_, value) => value),
    compareExchange(view: Int32Array, at: number, expected: number, value: number): number {
      if (view !== words) return compareExchange(view, at, expected, value);
      perturber.step(UPDATE, at);
      const before = compareExchange(view, at, expected, value);
      if (before === expected && isState[at >>> 4] === 1) perturber.changed(before, value);
      return before;
    },
    wait(view: Int32Array, at: number, value: number, timeout: number) {
      if (view === words) perturber.waits(at);
      return wait(view, at, value, timeout);
    },
    notify(view: Int32Array, at: number, count: number): number {
      if (view === words) perturber.step(WAIT, at);
      return notify(view, at, count);
    },
  });
  return () => {
    Object.assign(Atomics, native);
  };
}

/** The delays of one thread. */
class Perturber {
  readonly #words: Words;
  readonly #kindOf: Uint8Array;
  readonly #sections: number;
  /**
   * By kind of line: whether its words identify the interrupt in hand, and whether threads wait there for each other.
   */
  readonly #tells: Uint8Array;
  readonly #blocks: Uint8Array;
  readonly #meeting: Meeting;
  /** Whether this thread makes the changes: its stops then ask for a signaller. */
  readonly #isChanger: boolean;
  /** The last word that identified the interrupt or eventfd in hand. */
  #subject = -1;
  /**
   * Whether the thread is in a reader section, where a thread that replaces an object waits for this thread.
   */
  #inside = false;
  readonly #timing: Timing;
  /**
   * By window and by change: whether this thread has met the window or the change. Only the first time goes
   * into the account.
   */
  readonly #met = new Uint8Array(WINDOWS);
  readonly #changes = new Uint8Array(TRANSITIONS);
  readonly #regions: PerturbationRegions;
  readonly #line: number;
  #last = 0;
  #gap: number;

  constructor(words: Words, layout: Layout, plan: PerturbationPlan, thread: number) {
    this.#words = words;
    const { kindOf, sections, tells, blocks } = new Windows(layout);
    this.#kindOf = kindOf;
    this.#tells = tells;
    this.#blocks = blocks;
    this.#isChanger = thread === plan.changer;
    this.#meeting = new Meeting(words, plan.regions.meeting, thread, CHANGER);
    this.#sections = sections;
    this.#timing = new Timing({ ...plan, thread, windows: WINDOWS });
    this.#regions = plan.regions;
    this.#line = plan.regions.threads.at + thread * LINE;
    this.#gap = this.#timing.firstGap;
  }

  /** Called before an operation: that operation ends a window, in which the thread may be delayed. */
  step(operation: number, at: number): void {
    const kind = this.#kindOf[at >>> 4] ?? 0;
    if (kind === 0) return;
    if (this.#tells[kind] === 1) this.#subject = at;
    const step = (kind << 2) | operation;
    const window = this.#last * STEPS + step;
    this.#last = step;
    if (this.#met[window] === 0) this.#meet(this.#met, window, this.#regions.met);
    if (--this.#gap <= 0) this.#delay(window);
    // A thread moves its own line by one at the entry of a section and at its exit.
    if (operation === UPDATE && kind === this.#sections) this.#inside = !this.#inside;
  }

  /** Called before a wait, which may be for the stopped thread. */
  waits(at: number): void {
    this.step(WAIT, at);
    if (this.#blocks[this.#kindOf[at >>> 4] ?? 0] === 1) this.#meeting.release();
  }

  /** Records how the flags of an interrupt changed. */
  changed(before: number, after: number): void {
    if (((before ^ after) & FLAGS) === 0) return;
    const change = ((before & FLAGS) << 8) | (after & FLAGS);
    if (this.#changes[change] === 0) this.#meet(this.#changes, change, this.#regions.transitions);
  }

  #meet(seen: Uint8Array, index: number, { at }: Region): void {
    seen[index] = 1;
    or(this.#words, at + (index >>> 5), 1 << (index & 31));
  }

  #delay(window: number): void {
    // Each thread counts from its own origin; the sum is the same clock for all.
    const now = performance.timeOrigin + performance.now();
    const ns = this.#timing.delayAt(window, now, this.#inside);
    if (ns !== NO_DELAY) {
      if (ns >= LONG_FROM_NS)
        this.#meeting.stop(this.#subject, ns / 1e6, this.#isChanger ? SIGNALLER : this.#timing.role);
      else if (ns >= SLEEP_FROM_NS) wait(NOWHERE, 0, 0, ns / 1e6);
      else turnOnTheSpot(ns / 1e6);
      const us = Math.round(1000 * (performance.timeOrigin + performance.now() - now));
      add(this.#words, this.#line + DELAYS, 1);
      add(this.#words, this.#line + DELAYED_US, us);
      or(this.#words, this.#regions.stopped.at + (window >>> 5), 1 << (window & 31));
    }
    this.#gap = this.#timing.gapAfter(ns, now);
  }
}

function turnOnTheSpot(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
