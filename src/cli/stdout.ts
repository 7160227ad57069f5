import { fstatSync, writeSync } from 'node:fs';
import { printable } from '../base/printable.ts';
import { EXIT } from './exit.ts';

const STDOUT = 1;

/** Prints a result on stdout. */
export function print(text: string): void {
  const bytes = Buffer.from(printable(text));
  if (!isRegularFile(STDOUT)) {
    process.stdout.write(bytes);
    return;
  }
  // Node.js writes to a file once, and takes a part for the whole: on a disk that is almost full the rest would be lost.
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(STDOUT, bytes, at);
  } catch (error) {
    lose(error as Error);
  }
}

/** Says something beside the result, on stderr. */
export function say(text: string): void {
  process.stderr.write(printable(text));
}

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/** Says that the result is lost: a command that held ends with 3 then. */
function lose({ message }: Error): void {
  process.stderr.write(`irqloom: the result cannot be written to stdout: ${message}\n`);
  isLost = true;
}

let isLost = false;

/** The exit status of a command: 3 where it held and its result could not be written. */
export function statusWithResult(status: number | string | null | undefined): number {
  const own = Number(status ?? EXIT.held);
  return isLost && own === EXIT.held ? EXIT.noAnswer : own;
}

/**
 * Makes a closed or full stdout or stderr no crash: a reader that has gone (`| head`) ends nothing and changes no exit
 * status; a device that is full is said on stderr, and a run that held then ends with 3, since its result is lost.
 */
export function guardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    lose(error);
    process.exitCode = statusWithResult(process.exitCode);
  });
  process.stderr.on('error', () => {});
}
