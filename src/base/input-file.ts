import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
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
 * @param what - what the file should be, with its article, for messages: "a recorded guest".
 * @param limitBytes - a larger file is refused before it is read.
 * @throws IrqError `ERR_FILE`: missing, unreadable, not a regular file, or too large.
 */
export function readInputFile(path: string, what: string, limitBytes: number): Buffer {
  let descriptor: number;
  try {
    // Not blocking: opening a FIFO that nobody writes must not hang the program.
    descriptor = openSync(path, OPEN_FLAGS);
  } catch (error) {
    throw fileError(path, what, error);
  }
  try {
    const status = fstatSync(descriptor);
    if (status.isDirectory()) {
      throw new IrqError('ERR_FILE', `${path}: is a directory; expected the file of ${what}`);
    }
    if (!status.isFile()) {
      throw new IrqError('ERR_FILE', `${path}: is not a regular file; save ${what} to a file first`);
    }
    if (status.size > limitBytes) {
      throw new IrqError(
        'ERR_FILE',
        `${path}: has ${status.size} bytes; ${what} may have at most ${limitBytes}`,
      );
    }
    return readFileSync(descriptor);
  } catch (error) {
    throw error instanceof IrqError ? error : fileError(path, what, error);
  } finally {
    closeSync(descriptor);
  }
}

function fileError(path: string, what: string, cause: unknown): IrqError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  const said = REASONS[code] ?? `cannot be read (${code})`;
  return new IrqError('ERR_FILE', `${path}: ${said}; expected the file of ${what}`, { cause });
}

/**
 * A piece of somebody's text for a message: quoted, control characters escaped, at most 60 characters. The text
 * may be binary rubbish, and must not reach a terminal as it is.
 */
export const excerpt = (text: string) => shown(JSON.stringify(shortened(text)));

/** The same for a value that was read from JSON. */
export const excerptOfJson = (value: unknown) => shown(shortened(JSON.stringify(value)));

const shortened = (text: string) => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

// JSON escapes the control characters below 0x20; these it leaves.
const shown = (json: string) =>
  json.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
