import { IrqError } from '../src/base/irq-error.ts';

/** The IrqError that `run` ends with. Any other error is thrown on, and it is an error if there is none. */
export function failureOf(run: () => unknown): IrqError {
  try {
    run();
  } catch (error) {
    if (error instanceof IrqError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

/** The IrqError that `run` ends with, or undefined if it ends well. Any other error is thrown on. */
export function failureOrNone(run: () => unknown): IrqError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof IrqError) return error;
    throw error;
  }
}
