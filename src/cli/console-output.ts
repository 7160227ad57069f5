import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { exitStatusOf } from './exit.ts';
import { cannotWrite, refuseTarget } from './output-file.ts';
import { say } from './stdout.ts';

/** Output that a slow reader may be behind with, in bytes; the class drops later output. */
const MOST_WAITING = 16 * 2 ** 20;
/** How often to try again while a pipe is full, ms. */
const RETRY_MS = 10;
/** How long the reader of a pipe has for the rest when the run is over, ms. */
const LAST_MS = 2_000;

const { O_CREAT, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

/**
 * The output of a guest's console while the guest runs: a file, or stderr. No fault of the output ends a run: the class waits
 * for a slow reader of a pipe in the background, up to 16 MiB; a full disk, or a reader that has gone, ends the output alone.
 */
export class ConsoleOutput {
  readonly #path: string | undefined;
  readonly #fd: number;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #failed = false;

  /** @param path - undefined: stderr. @throws IrqError `ERR_FILE` where the file cannot be written */
  constructor(path?: string) {
    this.#path = path;
    if (path === undefined) this.#fd = process.stderr.fd;
    else {
      refuseTarget(path);
      try {
        // Not blocking: a FIFO without a reader is an error, and with a slow one must not stop the main thread.
        this.#fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | (O_NONBLOCK ?? 0), 0o666);
      } catch (error) {
        throw cannotWrite(path, error);
      }
    }
  }

  /** Whether a part of the output could not be written to the file that the user named. */
  get isCut(): boolean {
    return this.#path !== undefined && (this.#failed || this.#dropped > 0);
  }

  write(bytes: Uint8Array): void {
    if (this.#failed) return;
    this.#flush();
    const left = this.#waiting.length > 0 ? bytes : this.#attempt(bytes);
    if (left.length === 0) return;
    if (this.#waitingBytes + left.length > MOST_WAITING) {
      this.#dropped += left.length;
      return;
    }
    this.#waiting.push(left.slice());
    this.#waitingBytes += left.length;
  }

  /** Waits a moment for a slow reader, says how much was dropped, and closes the file. */
  async close(): Promise<void> {
    const end = performance.now() + LAST_MS;
    for (this.#flush(); this.#waiting.length > 0 && performance.now() < end; this.#flush())
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    this.#dropped += this.#waitingBytes;
    const to = this.#path ?? 'stderr';
    if (this.#dropped > 0)
      say(`irqloom: ${to} was read too slowly: ${this.#dropped} bytes of the guest's console were dropped\n`);
    if (this.#path !== undefined) closeSync(this.#fd);
  }

  #flush(): void {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const left = this.#attempt(first);
      this.#waitingBytes -= first.length - left.length;
      if (left.length === 0) this.#waiting.shift();
      else {
        this.#waiting[0] = left;
        return;
      }
    }
  }

  /** Writes as much as goes at once. @returns the rest; nothing where the output has failed */
  #attempt(bytes: Uint8Array): Uint8Array {
    try {
      for (let at = 0; at < bytes.length; ) {
        const written = tryWrite(this.#fd, bytes, at);
        if (written < 0) return bytes.subarray(at);
        at += written;
      }
    } catch (error) {
      this.#failed = true;
      // No message on stderr can tell that stderr cannot be written.
      if (this.#path !== undefined) exitStatusOf(cannotWrite(this.#path, error));
    }
    return bytes.subarray(bytes.length);
  }
}

/** Bytes written, or -1 where a pipe is full for the moment. */
function tryWrite(fd: number, bytes: Uint8Array, at: number): number {
  try {
    return writeSync(fd, bytes, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return -1;
    throw error;
  }
}
