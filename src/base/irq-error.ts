import { ERRORS, type ErrorCode } from './codes.ts';
import { readThrown } from './thrown.ts';

/** An error of irqloom: a stable code, and a message with the mistake, its place, and the right input. */
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

/** Whether a thrown value is an {@link IrqError} with that code. Never throws, for any value. */
export function isIrqError(thrown: unknown, code: ErrorCode): boolean {
  try {
    return thrown instanceof IrqError && thrown.code === code;
  } catch {
    return false;
  }
}

/** Makes the plain data to post to another thread in the error's place. Takes any thrown value. */
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

/** Makes the error of {@link toPlain}'s data anew on this side. */
export function fromPlain(plain: PlainError): Error {
  const error = plain.code ? new IrqError(plain.code, plain.message) : new Error(plain.message);
  if (plain.name !== error.name) Object.defineProperty(error, 'name', { value: plain.name });
  if (plain.stack !== undefined) error.stack = plain.stack;
  return error;
}
