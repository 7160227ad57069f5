import type { WriteStream } from 'node:tty';
import { clipped } from '../report/text-width.ts';

/** The abilities of a stream's terminal: plain lines only, where there is no terminal, or NO_COLOR is set. */
export class Terminal {
  readonly #stream: NodeJS.WriteStream | WriteStream;
  readonly #live: boolean;
  readonly #colour: boolean;
  #shown = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#live = stream.isTTY === true;
    this.#colour = this.#live && !process.env.NO_COLOR;
  }

  /** Replaces the status line; does nothing without a terminal. */
  status(text: string): void {
    if (!this.#live) return;
    const columns = this.#stream.columns ?? 80;
    this.#stream.write(`\r\u001b[2K${clipped(text, columns - 1)}`);
    this.#shown = true;
  }

  /** Takes the status line away. */
  clear(): void {
    if (this.#shown) this.#stream.write('\r\u001b[2K');
    this.#shown = false;
  }

  line(text: string): void {
    this.clear();
    this.#stream.write(`${text}\n`);
  }

  dim(text: string): string {
    return this.#colour ? `\u001b[2m${text}\u001b[22m` : text;
  }
}
