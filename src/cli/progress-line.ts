import { Terminal } from './terminal.ts';

/** How often a terminal's line is drawn again, and how often a line is printed elsewhere, ms. */
const DRAW_MS = 100;
const PRINT_MS = 10_000;
/** Nothing is shown in the first second. */
const SILENT_MS = 1_000;
/** Below this share the time left would be a guess. */
const TELLING_SHARE = 0.03;

/**
 * The progress of a long command on stderr: on a terminal one line that is drawn over itself, elsewhere a line every ten
 * seconds, also where the command has nothing new to say by then.
 */
export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #isLive: boolean;
  readonly #startedAt = performance.now();
  #shownAt: number;
  #text: (() => string) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#terminal = new Terminal(stream);
    this.#isLive = stream.isTTY === true;
    this.#shownAt = this.#startedAt;
  }

  /** Shows how far the command is. `text` is called at the moment of the drawing: now, or later. */
  show(text: () => string): void {
    this.#text = text;
    this.#timer ??= setInterval(() => this.#draw(), DRAW_MS).unref();
    this.#draw();
  }

  /** Says how far the command is as a share, 0 to 1, with the time that is left where the share tells. */
  share(share: number, what: string): void {
    this.show(() => {
      const ms = performance.now() - this.#startedAt;
      const left =
        share < TELLING_SHARE ? '' : `, about ${Math.ceil((ms * (1 - share)) / share / 1000)} s left`;
      return `${what}: ${(100 * share).toFixed(0)} %, ${(ms / 1000).toFixed(0)} s${share >= 1 ? '' : left}`;
    });
  }

  #draw(): void {
    const now = performance.now();
    if (this.#text === undefined || now - this.#startedAt < SILENT_MS) return;
    if (now - this.#shownAt < (this.#isLive ? DRAW_MS : PRINT_MS)) return;
    this.#shownAt = now;
    if (this.#isLive) this.#terminal.status(this.#text());
    else this.#terminal.line(this.#text());
  }

  /** Says something that stays, in a quiet colour. */
  note(text: string): void {
    this.#terminal.line(this.#terminal.dim(text));
  }

  /** Prints a line that stays. */
  print(text: string): void {
    this.#terminal.line(text);
  }

  /** Takes the line away; the next {@link show} draws the line again. */
  clear(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#text = undefined;
    this.#terminal.clear();
  }
}
