import { createHash } from 'node:crypto';
import type { GuestBoard } from './guest-board.ts';

/** Figures of a guest's console output. */
export type ConsoleFigures = { readonly lines: number; readonly sha256: string };

/** The first and the last line of a Linux panic. */
const PANIC = 'Kernel panic - not syncing';
const PANIC_END = '---[ end Kernel panic';
/** How many last lines are kept for error messages. */
const KEPT = 20;
const LONGEST_LINE = 4096;

/** The host's end of a guest's console. The main thread only. */
export class GuestConsole {
  readonly #board: GuestBoard;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #hash = createHash('sha256');
  #lines = 0;
  #line = '';
  readonly #last: string[] = [];
  /** Called for each whole line. */
  onLine: (line: string) => void = () => undefined;
  #panicked = false;

  /** @param write - receives the output */
  constructor(board: GuestBoard, write: (bytes: Uint8Array) => void) {
    this.#board = board;
    this.#write = write;
  }

  /** Passes on the output since the last call. Returns whether there was any. */
  pump(): boolean {
    const bytes = this.#board.platform.uart.takeOutput();
    if (bytes.length === 0) return false;
    this.#hash.update(bytes);
    this.#write(bytes);
    for (const byte of bytes) this.#take(byte);
    return true;
  }

  get panicked(): boolean {
    return this.#panicked;
  }

  /** The last lines of the console. */
  get last(): readonly string[] {
    return this.#line === '' ? this.#last : [...this.#last, this.#line];
  }

  figures(): ConsoleFigures {
    return { lines: this.#lines + (this.#line === '' ? 0 : 1), sha256: this.#hash.copy().digest('hex') };
  }

  #take(byte: number): void {
    if (byte !== 10) {
      if (byte !== 13 && this.#line.length < LONGEST_LINE) this.#line += String.fromCharCode(byte);
      return;
    }
    const line = this.#line;
    this.#line = '';
    this.#lines++;
    this.#last.push(line);
    if (this.#last.length > KEPT) this.#last.shift();
    if (line.includes(PANIC)) this.#panicked = true;
    if (line.includes(PANIC_END)) this.#board.end.say('panic');
    this.onLine(line);
  }
}
