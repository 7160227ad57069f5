import { fstatSync, writeSync } from 'node:fs';
import { printable } from '../base/printable.ts';
import { fitted } from '../report/text-width.ts';
import { EXIT } from './exit.ts';

const STDOUT = 1;

/** Prints a result on stdout: for people, fitted to their terminal; or as one JSON object, which a program reads. */
export function printResult(result: object, text: (() => string) | undefined): void {
  if (text === undefined) print(`${JSON.stringify(result)}\n`);
  else printText(text());
}

/** Prints a text for people on stdout: lines that are longer than those of the terminal are broken between words. */
export function printText(text: string): void {
  print(fitted(text));
}

/** Prints a text on stdout, its control characters escaped. */
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

/** Says something beside the result, on stderr; on a terminal as {@link printText} does. */
export function say(text: string): void {
  const shown = printable(text);
  process.stderr.write(process.stderr.isTTY ? fitted(shown) : shown);
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

/** The exit status of a command: 3 for a run that held and whose result could not be written. */
export function statusWithResult(status: number | string | null | undefined): number {
  const own = Number(status ?? EXIT.held);
  return isLost && own === EXIT.held ? EXIT.noAnswer : own;
}

/**
 * Keeps a closed or full stdout or stderr from crashing the process: a reader that has gone (`| head`) ends no run and
 * changes no exit status; stderr tells of a full device, and a run that held then ends with 3, since its result is lost.
 */
export function guardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    lose(error);
    process.exitCode = statusWithResult(process.exitCode);
  });
  process.stderr.on('error', () => {});
}
