import { type Layout, LINE, type Region } from '../layout.ts';
import type { Words } from '../word.ts';

const THREAD = 0;
const SUBJECT = 1;
const SERIAL = 2;
const LEFT = 3;
const FOR = 4;
const CLOSED = 5;
/** A bit for each thread, by its number modulo 32: set when the thread has stopped. */
const STOPPED = 6;

/**
 * The role asked to visit a stopped thread: the visitor changes, or signals, the interrupt that the stopped thread
 * handles.
 */
export const CHANGER = 0;
export const SIGNALLER = 1;
export type Role = typeof CHANGER | typeof SIGNALLER;

/** How long a stop goes on after its last answer, ms: effects of the visitor may still be on their way. */
const AFTER_MS = 0.15;

/** The engine's own operations: a visitor's look at the meeting is not itself delayed. */
const { load, store, add, and, or, wait, notify, compareExchange } = Atomics;

/** A word that no thread changes or notifies. */
const NOWHERE = new Int32Array(new SharedArrayBuffer(4));

/** Adds the meeting's region; zero words where nothing is perturbed. */
export function meetingRegion(layout: Layout, isOn: boolean): Region {
  return layout.region('meeting', isOn ? LINE : 0);
}

/**
 * A meeting of threads inside the window of a protocol. A thread that stops there announces itself, and a visiting
 * thread signals, or changes, exactly the interrupt that the stopped thread handles. The visitor's answer ends the
 * stop, so the stop takes no longer than needed. One thread stops at a time. A view of shared words for one thread.
 */
export class Meeting {
  readonly #words: Words;
  readonly #at: number;
  readonly #isOn: boolean;
  readonly #thread: number;
  readonly #role: Role;
  #answered = 0;

  /** @param thread - the calling thread's number; `role` - the caller's part at a visit */
  constructor(words: Words, { at, words: count }: Region, thread: number, role: Role) {
    this.#role = role;
    this.#words = words;
    this.#at = at;
    this.#isOn = count > 0;
    this.#thread = thread;
  }

  // ---- the thread that stops

  /**
   * Stops until a thread of `role` has answered, at most for `ms`; false at once where another thread stops already, or
   * the meeting is closed.
   * @param subject - the word of the interrupt or eventfd that the thread handles, or -1
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

  /** Whether the calling thread has stopped since its last call. */
  takeOwn(): boolean {
    if (!this.#isOn || (load(this.#words, this.#at + STOPPED) & this.#bit) === 0) return false;
    and(this.#words, this.#at + STOPPED, ~this.#bit);
    return true;
  }

  get #bit(): number {
    return 1 << (this.#thread & 31);
  }

  // ---- the visitor

  /** Closes the meeting: no thread stops from here on. For phases in which no thread would visit. */
  set isClosed(closed: boolean) {
    if (this.#isOn) store(this.#words, this.#at + CLOSED, closed ? 1 : 0);
  }

  /** Whether a thread stops for this role and waits for this thread's answer. One load where no thread stops. */
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

  /** The number of the stopped thread, or -1. */
  get thread(): number {
    return this.#isOn ? load(this.#words, this.#at + THREAD) - 1 : -1;
  }

  /** The word that the stopped thread handles, or -1. */
  get subject(): number {
    return load(this.#words, this.#at + SUBJECT);
  }

  /** Answers, once: the visitor has done its part. */
  answer(): void {
    this.#answered = load(this.#words, this.#at + SERIAL);
    store(this.#words, this.#at + LEFT, 0);
    notify(this.#words, this.#at + LEFT);
  }

  /** Answers for every visitor: the calling thread is about to wait, perhaps for the stopped thread. */
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
