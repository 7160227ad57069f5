import type { Pl011 } from '../platform/pl011.ts';

const NEW_LINE = 10;
const RETURN = 13;
const LONGEST = 4096;

/** The lines of a guest's console; {@link ConsoleLines.reset} goes back to the mark together with the guest. */
export class ConsoleLines {
  readonly #uart: Pl011;
  #lines: string[] = [];
  #line = '';
  #marked = { lines: 0, line: '' };

  constructor(uart: Pl011) {
    this.#uart = uart;
  }

  /** Reads the guest's output since the last call. */
  take(): void {
    if (!this.#uart.hasOutput) return;
    for (const byte of this.#uart.takeOutput()) {
      if (byte === NEW_LINE) {
        this.#lines.push(this.#line);
        this.#line = '';
      } else if (byte !== RETURN && this.#line.length < LONGEST) this.#line += String.fromCharCode(byte);
    }
  }

  /** Sets the mark to which {@link reset} goes back. */
  mark(): void {
    this.take();
    this.#marked = { lines: this.#lines.length, line: this.#line };
  }

  reset(): void {
    this.#lines.length = this.#marked.lines;
    this.#line = this.#marked.line;
  }

  /** Whether the current line, or the last finished one, contains a text. */
  has(text: string): boolean {
    return this.#line.includes(text) || (this.#lines.at(-1)?.includes(text) ?? false);
  }

  /** The first line since the mark that satisfies a test. */
  find(test: (line: string) => boolean): string | undefined {
    for (let index = this.#marked.lines; index < this.#lines.length; index++) {
      const line = this.#lines[index] ?? '';
      if (test(line)) return line;
    }
    return undefined;
  }

  /** Lines since the mark. */
  get since(): readonly string[] {
    return [...this.#lines.slice(this.#marked.lines), ...(this.#line === '' ? [] : [this.#line])];
  }

  /** The last line that does not contain a text. */
  lastBut(text: string): string | undefined {
    return [...this.#lines.slice(-2), this.#line]
      .reverse()
      .find((line) => line !== '' && !line.includes(text));
  }
}
