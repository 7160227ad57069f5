import { readdirSync, readFileSync } from 'node:fs';
import { IrqError } from './irq-error.ts';
import { readThrown } from './thrown.ts';

/** Descriptors of a Node.js worker thread on Linux: its event loop's, and pipes. Measured on Node 20 to 24. */
const DESCRIPTORS_OF_A_THREAD = 12;
/** Below this many descriptors, the modules of a command may fail to load. */
const LEAST_LIMIT = 256;
/** Descriptors for files that are opened meanwhile. */
const SPARE = 16;

/** Read at load, while a descriptor is still free to read the limit with. */
const limit = softLimit();

/**
 * Checks that `threads` more threads can start, before the first one does: a thread that gets no descriptor ends the
 * process. Checks nothing where the limit is not readable (not on Linux).
 * @throws IrqError `ERR_CONFIG` with the numbers, and the command that lifts the limit
 */
export function requireDescriptors(threads: number): void {
  if (limit === undefined) return;
  const needed = openNow() + threads * DESCRIPTORS_OF_A_THREAD + SPARE;
  if (needed <= limit) return;
  throw new IrqError(
    'ERR_CONFIG',
    `${threads} threads need about ${needed.toLocaleString('en-US')} file descriptors and ${limit.toLocaleString('en-US')} are allowed: ulimit -n ${2 ** Math.ceil(Math.log2(needed))}`,
  );
}

/**
 * The error for a process out of file descriptors, with the command that helps; undefined for another error. Node.js
 * opens the modules of a program in parallel, so loading takes more descriptors than running.
 */
export function outOfDescriptors(error: unknown): IrqError | undefined {
  const { message } = readThrown(error);
  // Node.js says "Cannot find package" if it could not open the file of an existing package.
  const isMissing = message.startsWith('Cannot find package') && limit !== undefined && limit < LEAST_LIMIT;
  if (!/\bE[MN]FILE: /.test(message) && !isMissing) return undefined;
  const allowed = limit === undefined ? 'all allowed' : `all ${limit.toLocaleString('en-US')}`;
  const more = Math.max(1024, 2 ** Math.ceil(Math.log2((limit ?? 0) + 1)));
  return new IrqError(
    'ERR_CONFIG',
    `${allowed} file descriptors are in use, and more are needed: ulimit -n ${more} (${message})`,
    { cause: error },
  );
}

function softLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

function openNow(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
