import type { Pl011 } from '../platform/pl011.ts';

const NEW_LINE = 10;
const RETURN = 13;
const LONGEST = 4096;

/** The lines that a guest has written to its console, which goes back with the guest. */
export class ConsoleLines {
  readonly #uart: Pl011;
  #lines: string[] = [];
  #line = '';
  #marked = { lines: 0, line: '' };
  #tested = 0;

  constructor(uart: Pl011) {
    this.#uart = uart;
  }

  /** Takes what the guest has written since the last call. */
  take(): void {
    if (!this.#uart.hasOutput) return;
    for (const byte of this.#uart.takeOutput()) {
      if (byte === NEW_LINE) {
        this.#lines.push(this.#line);
        this.#line = '';
      } else if (byte !== RETURN && this.#line.length < LONGEST) this.#line += String.fromCharCode(byte);
    }
  }

  /** Here {@link reset} goes back to. */
  mark(): void {
    this.take();
    this.#marked = { lines: this.#lines.length, line: this.#line };
    this.#tested = this.#lines.length;
  }

  reset(): void {
    this.#lines.length = this.#marked.lines;
    this.#line = this.#marked.line;
    this.#tested = this.#marked.lines;
  }

  /** Of all lines, the unfinished one as well. */
  has(text: string): boolean {
    return this.#line.includes(text) || (this.#lines.at(-1)?.includes(text) ?? false);
  }

  /** The first line since the mark, and since the last call, that a test holds for. */
  findNew(test: (line: string) => boolean): string | undefined {
    while (this.#tested < this.#lines.length) {
      const line = this.#lines[this.#tested++] ?? '';
      if (test(line)) return line;
    }
    return undefined;
  }

  /** Lines since the mark. */
  get since(): readonly string[] {
    return [...this.#lines.slice(this.#marked.lines), ...(this.#line === '' ? [] : [this.#line])];
  }

  /** The last line without a text in it. */
  lastBut(text: string): string | undefined {
    return [...this.#lines.slice(-2), this.#line]
      .reverse()
      .find((line) => line !== '' && !line.includes(text));
  }
}
