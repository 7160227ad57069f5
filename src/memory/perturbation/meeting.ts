import { type Layout, LINE, type Region } from '../layout.ts';
import type { Words } from '../word.ts';

const THREAD = 0;
const SUBJECT = 1;
const SERIAL = 2;
const LEFT = 3;
const FOR = 4;
const CLOSED = 5;
/** A bit for each thread, by its number modulo 32: whether it has stopped. */
const STOPPED = 6;

/** The party that is to come by a stopped thread: it changes, or signals, the interrupt that the stopped thread handles. */
export const CHANGER = 0;
export const SIGNALLER = 1;
export type Role = typeof CHANGER | typeof SIGNALLER;

/** How long a stop goes on after its last answer, ms: what a thread has set off may still be on its way. */
const AFTER_MS = 0.15;

/** The engine's own operations: a thread that looks for a stop is not delayed by that. */
const { load, store, add, and, or, wait, notify, compareExchange } = Atomics;

/** A word that no thread changes or notifies. */
const NOWHERE = new Int32Array(new SharedArrayBuffer(4));

/** No words where nothing is perturbed. */
export function meetingRegion(layout: Layout, isOn: boolean): Region {
  return layout.region('meeting', isOn ? LINE : 0);
}

/**
 * A thread that stops in the window of a protocol says so here, and other threads come by: a thread that signals, or
 * changes, just the interrupt that the stopped thread handles makes the window meet. The answer ends the stop, so the stop
 * takes no longer than needed.
 * One thread stops at a time. A view of shared words for one thread.
 */
export class Meeting {
  readonly #words: Words;
  readonly #at: number;
  readonly #isOn: boolean;
  readonly #thread: number;
  readonly #role: Role;
  #answered = 0;

  /** @param thread - the calling thread's number; `role` - what it does where it comes by */
  constructor(words: Words, { at, words: count }: Region, thread: number, role: Role) {
    this.#role = role;
    this.#words = words;
    this.#at = at;
    this.#isOn = count > 0;
    this.#thread = thread;
  }

  // ---- the thread that stops

  /**
   * Stops until one of the role asked for has answered, at most for `ms`; false at once where another thread stops already,
   * or none is to stop.
   * @param subject - the word of the machine that says what the thread has in hand, or -1
   */
  stop(subject: number, ms: number, role: Role): boolean {
    const words = this.#words;
    const at = this.#at;
    if (load(words, at + CLOSED) !== 0) return false;
    if (compareExchange(words, at + THREAD, 0, this.#thread + 1) !== 0) return false;
    store(words, at + SUBJECT, subject);
    store(words, at + LEFT, 1);
    store(words, at + FOR, role);
    add(words, at + SERIAL, 1);
    notify(words, at + SERIAL);
    const end = performance.now() + ms;
    for (let now = end - ms; now < end; now = performance.now()) {
      const left = load(words, at + LEFT);
      if (left <= 0) {
        wait(NOWHERE, 0, 0, AFTER_MS);
        break;
      }
      wait(words, at + LEFT, left, end - now);
    }
    or(words, at + STOPPED, this.#bit);
    store(words, at + THREAD, 0);
    return true;
  }

  /** Whether the calling thread has stopped since it asked last. */
  takeOwn(): boolean {
    if (!this.#isOn || (load(this.#words, this.#at + STOPPED) & this.#bit) === 0) return false;
    and(this.#words, this.#at + STOPPED, ~this.#bit);
    return true;
  }

  get #bit(): number {
    return 1 << (this.#thread & 31);
  }

  // ---- a thread that comes by

  /** Whether no thread is to stop from here on: while everything keeps still, no thread would come by. */
  set isClosed(closed: boolean) {
    if (this.#isOn) store(this.#words, this.#at + CLOSED, closed ? 1 : 0);
  }

  /** Whether another thread stops for one of this role, and this one has not answered yet: one load where none does. */
  get isOpen(): boolean {
    return this.#isStopped && load(this.#words, this.#at + FOR) === this.#role;
  }

  get #isStopped(): boolean {
    if (!this.#isOn) return false;
    const thread = load(this.#words, this.#at + THREAD);
    return (
      thread !== 0 && thread !== this.#thread + 1 && load(this.#words, this.#at + SERIAL) !== this.#answered
    );
  }

  /** The thread that stops, or -1. */
  get thread(): number {
    return this.#isOn ? load(this.#words, this.#at + THREAD) - 1 : -1;
  }

  /** What it has in hand, or -1. */
  get subject(): number {
    return load(this.#words, this.#at + SUBJECT);
  }

  /** Answers, once: the thread has done what it came by for. */
  answer(): void {
    this.#answered = load(this.#words, this.#at + SERIAL);
    store(this.#words, this.#at + LEFT, 0);
    notify(this.#words, this.#at + LEFT);
  }

  /** Answers for all: this thread is about to wait, perhaps for the one that stops. */
  release(): void {
    if (!this.#isStopped) return;
    this.#answered = load(this.#words, this.#at + SERIAL);
    store(this.#words, this.#at + LEFT, 0);
    notify(this.#words, this.#at + LEFT);
  }

  /** Sleeps until a thread stops, at most for `ms`. */
  await(ms: number): void {
    if (!this.#isOn) wait(NOWHERE, 0, 0, ms);
    else if (!this.isOpen) wait(this.#words, this.#at + SERIAL, load(this.#words, this.#at + SERIAL), ms);
  }
}
