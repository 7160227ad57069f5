import { CommanderError } from 'commander';
import { outOfDescriptors } from '../base/descriptor-limit.ts';
import { IrqError } from '../base/irq-error.ts';
import { missingInNode } from '../base/node-environment.ts';
import { printable } from '../base/printable.ts';
import { readThrown } from '../base/thrown.ts';

/** Exit statuses of every command. */
export const EXIT = { held: 0, failed: 1, usage: 2, noAnswer: 3, interrupted: 130 } as const;

/** The exit status for an error of a command; the part of the error for the user goes to stderr. */
export function exitStatusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.held : EXIT.usage;
  const known = error instanceof IrqError ? error : (outOfDescriptors(error) ?? missingInNode(error));
  if (known) {
    process.stderr.write(`irqloom: ${printable(known.message)} (${known.code})\n`);
    return known.exitStatus;
  }
  const { stack, message } = readThrown(error);
  process.stderr.write(`irqloom: this is a fault of irqloom itself: ${printable(stack || message)}\n`);
  return EXIT.noAnswer;
}

/** After so long a command that was told to end says what it does, ms. */
const PATIENCE_MS = 400;

/** Calls `body` with a signal that Ctrl-C, or SIGTERM, aborts. The second Ctrl-C ends the process at once. */
export async function interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    abort.abort();
    patience = setTimeout(sayAgain, PATIENCE_MS);
  };
  let patience: ReturnType<typeof setTimeout> | undefined;
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  process.on('SIGHUP', interrupt);
  try {
    return await body(abort.signal);
  } finally {
    clearTimeout(patience);
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    process.off('SIGHUP', interrupt);
  }
}

function sayAgain(): void {
  // The line of progress stands there on a terminal.
  const clear = process.stderr.isTTY ? '\r\u001b[2K' : '';
  process.stderr.write(
    `${clear}irqloom: the run ends and gives its result so far; Ctrl-C again ends it at once\n`,
  );
}

/**
 * As {@link interruptible}, for a body that knows its result before its threads have ended: after Ctrl-C, the first result counts, and
 * the process then ends without a wait for threads.
 * @param body - calls `ended` with its result
 */
export function interruptibleUntil<T>(
  body: (signal: AbortSignal, ended: (result: T) => void) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    interruptible((signal) =>
      body(signal, (result) => {
        if (signal.aborted) resolve(result);
      }),
    ).then(resolve, reject);
  });
}
