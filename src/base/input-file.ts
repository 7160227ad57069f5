import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { IrqError } from './irq-error.ts';

const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file (a part of its path is not a directory)',
  EACCES: 'may not be read (permission denied)',
  EPERM: 'may not be read (permission denied)',
  EISDIR: 'is a directory',
};

/**
 * Reads a whole input file.
 * @param what - the expected content, with its article, for messages: "a recorded guest".
 * @param limitBytes - a larger file is refused before it is read.
 * @throws IrqError `ERR_FILE`: missing, unreadable, not a regular file, or too large.
 */
export function readInputFile(path: string, what: string, limitBytes: number): Buffer {
  let descriptor: number;
  try {
    // Non-blocking: opening a FIFO without a writer must not hang the program.
    descriptor = openSync(path, OPEN_FLAGS);
  } catch (error) {
    throw fileError(path, what, error);
  }
  try {
    const status = fstatSync(descriptor, { bigint: true });
    if (status.isDirectory()) {
      throw new IrqError('ERR_FILE', `${path}: is a directory; expected the file of ${what}`);
    }
    if (!status.isFile()) {
      throw new IrqError('ERR_FILE', `${path}: is not a regular file; save ${what} to a file first`);
    }
    if (status.size > limitBytes) throw tooLarge(path, what, `${status.size} bytes`, limitBytes);
    INPUTS.add(identityOf(status));
    const bytes = readUpTo(descriptor, Number(status.size), limitBytes);
    if (bytes === undefined) throw tooLarge(path, what, `more than ${limitBytes} bytes`, limitBytes);
    return bytes;
  } catch (error) {
    throw error instanceof IrqError ? error : fileError(path, what, error);
  } finally {
    closeSync(descriptor);
  }
}

/** Files that were read as inputs. */
const INPUTS = new Set<string>();

/**
 * Device, inode, and when the file was made, because the inode of a file that was deleted is given to another. Where a file system
 * keeps no such time, Node says 0, and device and inode stand alone.
 */
const identityOf = ({ dev, ino, birthtimeNs }: BigIntStats): string => `${dev}:${ino}:${birthtimeNs}`;

/** `undefined` where there is no such file, and where there can be none: a value of a command line may be too long for a path. */
function statusOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Notes the regular file at a path, if any, as an input before the file is read: see {@link isInputFile}. */
export function noteInputFile(path: string): void {
  const status = statusOf(path);
  if (status?.isFile()) INPUTS.add(identityOf(status));
}

/** Whether the file at that path was read as an input: a command must not write a result over the file. */
export function isInputFile(path: string): boolean {
  const status = statusOf(path);
  return status !== undefined && INPUTS.has(identityOf(status));
}

/** The least number of bytes per read. */
const LEAST_PIECE = 65_536;

/**
 * Reads a file to its end; undefined if there are more than `limit` bytes. The size that a file claims is no bound:
 * files of /proc claim 0 and may hold any number of bytes.
 */
function readUpTo(descriptor: number, size: number, limit: number): Buffer | undefined {
  const pieces: Buffer[] = [];
  let total = 0;
  while (total <= limit) {
    const wanted = Math.max(LEAST_PIECE, total, size + 1 - total);
    const piece = Buffer.allocUnsafeSlow(Math.min(wanted, limit + 1 - total));
    const read = readSync(descriptor, piece, 0, piece.length, null);
    if (read === 0) return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, total);
    pieces.push(piece.subarray(0, read));
    total += read;
  }
  return undefined;
}

function tooLarge(path: string, what: string, size: string, limit: number): IrqError {
  return new IrqError('ERR_FILE', `${path}: has ${size}; ${what} may have at most ${limit}`);
}

function fileError(path: string, what: string, cause: unknown): IrqError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  const said = REASONS[code] ?? `cannot be read (${code})`;
  return new IrqError('ERR_FILE', `${path}: ${said}; expected the file of ${what}`, { cause });
}

/**
 * A piece of a user's text for a message: quoted, control characters escaped, at most 60 characters. The text may be
 * binary, and must not reach a terminal raw.
 */
export const excerpt = (text: string) => shown(JSON.stringify(shortened(text)));

/** As {@link excerpt}, for a value parsed from JSON. */
export const excerptOfJson = (value: unknown) => shown(shortened(JSON.stringify(value)));

const shortened = (text: string) => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

// JSON escapes the control characters below 0x20, but not these.
const shown = (json: string) =>
  json.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
