/** Values that one side puts in and the other takes out, in order. In one thread. */
export class Mailbox<T> {
  readonly #values: T[] = [];
  #wake: (() => void) | undefined;

  put(value: T): void {
    this.#values.push(value);
    this.wake();
  }

  /** Lets a reader that waits look again. */
  wake(): void {
    this.#wake?.();
  }

  /** The next value; waits until there is one, or until `isOver` says that there will be none. */
  async take(isOver: () => boolean): Promise<T | undefined> {
    for (;;) {
      const value = this.#values.shift();
      if (value !== undefined || isOver()) return value;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
