import { PollChoice } from '../base/poll-choice.ts';
import type { IrqFds } from '../kvm/irqfds.ts';
import type { Clock } from '../measure/clock.ts';
import { awaitSignal, type Signalled, sleepUntilSignal } from './until-signal.ts';

/** How long the main thread polls before the thread sleeps, if polling pays, ns. */
const POLL_NS = 200_000;
/** How long the main thread dispatches and naps before timers and messages get their turn, ns. */
const STRETCH_NS = 1_500_000;
/**
 * After the last signal the main thread naps this long, ns; then the thread sleeps in the event loop, which is slower to
 * wake.
 */
const LINGER_NS = 5_000_000;
/** Polls between two reads of the clock. */
const LOOKS = 32;
/** Any reference keeps the process alive; a pending Atomics.waitAsync does not. */
const KEEP_ALIVE_MS = 2 ** 30;

/** The events that the dispatcher serves: the irqfds of a machine, or these and others. */
export type Dispatched = Signalled & Pick<IrqFds, 'dispatchPending'>;

/**
 * The main thread's part in dispatching: waits for eventfds that threads leave to the main thread, and serves them. Only this
 * class is asynchronous; {@link IrqFds.dispatchPending} is plain code.
 */
export class Dispatcher {
  readonly #irqfds: Dispatched;
  readonly #clock: Clock;
  readonly #choice = new PollChoice(POLL_NS);
  #served = 0;
  #stopped = false;
  #servedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  readonly #isOver = () => this.#stopped;

  constructor(irqfds: Dispatched, clock: Clock) {
    this.#irqfds = irqfds;
    this.#clock = clock;
  }

  /** Begins to serve. Resolves when the dispatcher has ended; rejects with the error that ended the dispatcher. */
  start(): Promise<void> {
    this.#running ??= this.#serve();
    return this.#running;
  }

  /** Serves everything that is left, then ends. @throws the error that ended the dispatcher */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#irqfds.bell.signal();
    await this.#running;
    this.#irqfds.dispatchPending();
  }

  async #serve(): Promise<void> {
    const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    try {
      while (!this.#stopped) {
        this.#stretch();
        await nextTurn();
        if (this.#irqfds.anyPending || this.#clock.now() - this.#servedAt < LINGER_NS) continue;
        await awaitSignal(this.#irqfds, this.#isOver);
      }
    } finally {
      clearInterval(keepAlive);
    }
  }

  /** Serves, polls and naps in turn, for {@link STRETCH_NS}. */
  #stretch(): void {
    const end = this.#clock.now() + STRETCH_NS;
    const serve = () => this.#serveUntil(end);
    for (let now = serve(); now < end && now - this.#servedAt < LINGER_NS; now = serve()) {
      // The event loop waits while the main thread naps.
      if (!this.#poll(Math.min(end, now + this.#choice.pollNs)))
        sleepUntilSignal(this.#irqfds, this.#isOver, (end - now) / 1e6);
      if (!this.#irqfds.anyPending) continue;
      const then = this.#clock.now();
      this.#choice.waited(then, then - now, this.#served);
    }
  }

  /** Serves until nothing is pending, at most until `end`: a device may signal without end. Returns the time. */
  #serveUntil(end: number): number {
    for (;;) {
      const served = this.#irqfds.dispatchPending();
      const now = this.#clock.now();
      if (served === 0) return now;
      this.#served += served;
      this.#servedAt = now;
      if (now >= end) return now;
    }
  }

  /** Polls for a signal until `end`; true if there is one. */
  #poll(end: number): boolean {
    do {
      for (let look = 0; look < LOOKS; look++) if (this.#irqfds.anyPending) return true;
    } while (this.#clock.now() < end);
    return false;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
