import { ERRORS, type ErrorCode } from './codes.ts';
import { readThrown } from './thrown.ts';

/** An error of irqloom: a stable code, and a message that says what was wrong, where, and what would be right. */
export class IrqError extends Error {
  override readonly name: string = 'IrqError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The exit status of a command that ends with this error. */
  get exitStatus(): 1 | 2 | 3 {
    return ERRORS[this.code].exit;
  }
}

/** An error as plain data: structured clone between threads keeps neither class nor `code`. */
export type PlainError = {
  readonly name: string;
  readonly code?: ErrorCode;
  readonly message: string;
  readonly stack?: string;
};

/** Whether a thrown value is an {@link IrqError} with that code. Never throws, whatever the value is. */
export function isIrqError(thrown: unknown, code: ErrorCode): boolean {
  try {
    return thrown instanceof IrqError && thrown.code === code;
  } catch {
    return false;
  }
}

/** What to post to another thread instead of the error itself. Takes anything that can be thrown. */
export function toPlain(thrown: unknown): PlainError {
  const { isError, name, message, stack } = readThrown(thrown);
  if (!isError) return { name: 'Error', message };
  return {
    name,
    message,
    ...(thrown instanceof IrqError ? { code: thrown.code } : {}),
    ...(stack === '' ? {} : { stack }),
  };
}

/** The error that {@link toPlain} took apart, made anew on this side. */
export function fromPlain(plain: PlainError): Error {
  const error = plain.code ? new IrqError(plain.code, plain.message) : new Error(plain.message);
  if (plain.name !== error.name) Object.defineProperty(error, 'name', { value: plain.name });
  if (plain.stack !== undefined) error.stack = plain.stack;
  return error;
}
