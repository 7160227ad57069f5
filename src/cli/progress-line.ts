import { Terminal } from './terminal.ts';

/** How often a terminal's line is drawn again, and how often a line is printed elsewhere, ms. */
const DRAW_MS = 100;
const PRINT_MS = 10_000;

/**
 * The progress of a long command on stderr: on a terminal one line that is drawn over itself, elsewhere a line every ten
 * seconds. Nothing is shown in the first second.
 */
export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #isLive: boolean;
  readonly #startedAt = performance.now();
  #shownAt: number;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#terminal = new Terminal(stream);
    this.#isLive = stream.isTTY === true;
    this.#shownAt = this.#startedAt;
  }

  /** Shows the progress, where it is time for that. `text` is called only then. */
  show(text: () => string): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.#isLive ? DRAW_MS : PRINT_MS)) return;
    if (now - this.#startedAt < 1000) return;
    this.#shownAt = now;
    if (this.#isLive) this.#terminal.status(text());
    else this.#terminal.line(text());
  }

  /** Takes the line away. */
  clear(): void {
    this.#terminal.clear();
  }
}
