import { ERRORS, type ErrorCode } from '../../base/codes.ts';
import { outOfDescriptors } from '../../base/descriptor-limit.ts';
import { IrqError } from '../../base/irq-error.ts';

/**
 * Makes an error of another thread anew: between threads an error loses its class, and keeps its message and `code`.
 */
export function fromThread(error: unknown): Error {
  if (error instanceof IrqError) return error;
  const full = outOfDescriptors(error);
  if (full) return full;
  if (!(error instanceof Error))
    return new IrqError('ERR_THREAD_DIED', `a thread could not be started: ${error}`);
  const code = 'code' in error ? error.code : undefined;
  if (isOurs(code)) return new IrqError(code, error.message);
  return new IrqError('ERR_THREAD_DIED', `a thread could not be started: ${error.message}`, { cause: error });
}

function isOurs(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}
