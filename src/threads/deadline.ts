import { afterBound } from './patience.ts';

/** Calls `over` after a bound; returns a function that ends the wait. */
type After = (boundMs: number, over: () => void) => () => void;

/** Measures by the wall clock, however busy the host: for limits that a user waits for. */
export const byTheClock: After = (boundMs, over) => {
  const timer = setTimeout(over, boundMs);
  return () => clearTimeout(timer);
};

/**
 * A bound on an answer that another place waits for: `begin` starts the time; past the bound, {@link missed} rejects
 * with the error that the caller makes then.
 */
export class Deadline {
  /** Never resolves. */
  readonly missed: Promise<never>;
  readonly #boundMs: number;
  readonly #late: () => Promise<Error | undefined>;
  readonly #after: After;
  #isMissed = false;
  #reject: (error: Error) => void = () => undefined;
  #cancel: (() => void) | undefined;

  /**
   * @param late - makes the error past the bound; undefined if there is no failure
   * @param after - the clock of the bound; default: the time in which the threads could run
   */
  constructor(boundMs: number, late: () => Promise<Error | undefined>, after: After = afterBound) {
    this.#boundMs = boundMs;
    this.#late = late;
    this.#after = after;
    this.missed = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    this.missed.catch(() => undefined);
  }

  /** Starts the time; further calls change nothing. */
  begin(): void {
    this.#cancel ??= this.#after(this.#boundMs, () => {
      this.#late().then((error) => {
        if (error === undefined) return;
        this.#isMissed = true;
        this.#reject(error);
      }, this.#reject);
    });
  }

  /** Whether the bound has passed with a failure. */
  get isMissed(): boolean {
    return this.#isMissed;
  }

  end(): void {
    this.#cancel?.();
  }
}
