import { printable } from '../base/printable.ts';
import { EXIT } from './exit.ts';

/** Prints a result on stdout. */
export function print(text: string): void {
  process.stdout.write(printable(text));
}

/**
 * Makes a closed or full stdout or stderr no crash: a reader that has gone (`| head`) ends nothing and changes no exit
 * status; a device that is full is said on stderr, and a run that held then ends with 3, since its result is lost.
 */
export function guardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(`irqloom: the result cannot be written to stdout: ${error.message}\n`);
    if (process.exitCode === undefined || process.exitCode === EXIT.held) process.exitCode = EXIT.noAnswer;
  });
  process.stderr.on('error', () => {});
}
