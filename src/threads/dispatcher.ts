import type { IrqFds } from '../kvm/irqfds.ts';
import type { Clock } from '../measure/clock.ts';

/** How long the main thread looks for more before it sleeps, ns. Shorter than a wake-up costs. */
const POLL_NS = 20_000;
/** How long it dispatches at a stretch before timers and messages have their turn, ns. */
const STRETCH_NS = 2_000_000;
/** Any reference keeps the process alive; a pending Atomics.waitAsync does not. */
const KEEP_ALIVE_MS = 2 ** 30;

/** What the dispatcher serves: the irqfds of a machine, or these and something else. */
export type Dispatched = Pick<IrqFds, 'bell' | 'anyPending' | 'dispatchPending'>;

/**
 * The main thread's part in dispatching: it waits for eventfds that are left to it, and serves them. This is the only
 * place that is asynchronous; what it calls, {@link IrqFds.dispatchPending}, is plain code.
 */
export class Dispatcher {
  readonly #irqfds: Dispatched;
  readonly #clock: Clock;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(irqfds: Dispatched, clock: Clock) {
    this.#irqfds = irqfds;
    this.#clock = clock;
  }

  /** Begins to serve. Resolves when it has ended; rejects with what serving threw. */
  start(): Promise<void> {
    this.#running ??= this.#serve();
    return this.#running;
  }

  /** Serves what is left and ends. @throws what serving threw */
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
        if (this.#irqfds.anyPending) continue;
        const ticket = this.#irqfds.bell.announce();
        if (this.#stopped || this.#irqfds.anyPending) this.#irqfds.bell.withdraw();
        else await this.#irqfds.bell.parkAsync(ticket);
      }
    } finally {
      clearInterval(keepAlive);
    }
  }

  /** Serves until nothing has come for {@link POLL_NS}, at most for {@link STRETCH_NS}. */
  #stretch(): void {
    const start = this.#clock.now();
    let quietSince = start;
    for (let now = start; now - quietSince < POLL_NS && now - start < STRETCH_NS; now = this.#clock.now()) {
      if (this.#irqfds.dispatchPending() > 0) quietSince = now;
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
