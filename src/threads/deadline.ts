import { afterBound } from './patience.ts';

/**
 * A bound on an answer that another place waits for: `begin` starts the time; past the bound, {@link missed} rejects
 * with the error that the caller makes then.
 */
export class Deadline {
  /** Never resolves. */
  readonly missed: Promise<never>;
  readonly #boundMs: number;
  readonly #late: () => Promise<Error | undefined>;
  #reject: (error: Error) => void = () => undefined;
  #cancel: (() => void) | undefined;

  /** @param late - makes the error past the bound; undefined if there is no failure */
  constructor(boundMs: number, late: () => Promise<Error | undefined>) {
    this.#boundMs = boundMs;
    this.#late = late;
    this.missed = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    this.missed.catch(() => undefined);
  }

  /** Starts the time; further calls change nothing. */
  begin(): void {
    this.#cancel ??= afterBound(this.#boundMs, () => {
      this.#late().then((error) => {
        if (error !== undefined) this.#reject(error);
      }, this.#reject);
    });
  }

  end(): void {
    this.#cancel?.();
  }
}
