/** A view of several lines that a terminal redraws in place; without a terminal, each call prints the first line. */
export class LiveView {
  readonly #stream: NodeJS.WriteStream;
  #drawn = 0;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  draw(lines: readonly string[]): void {
    if (this.#stream.isTTY !== true) {
      this.#stream.write(`${lines[0] ?? ''}\n`);
      return;
    }
    const columns = this.#stream.columns || 80;
    const fitting = lines.slice(0, Math.max(1, (this.#stream.rows || 24) - 1));
    this.clear();
    this.#stream.write(fitting.map((line) => `${line.slice(0, columns - 1)}\n`).join(''));
    this.#drawn = fitting.length;
  }

  /** Takes the view away. */
  clear(): void {
    // So many lines up, and everything below is gone.
    if (this.#drawn > 0) this.#stream.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }
}
