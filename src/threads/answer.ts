import { fromPlain, type PlainError, toPlain } from '../base/irq-error.ts';

/** An answer between threads: structured clone would drop an error's class and code. */
export type Answer<T> = { readonly value: T } | { readonly error: PlainError };

/** Calls, and makes an answer of what is returned or thrown. */
export function answer<T>(call: () => T): Answer<T> {
  try {
    return { value: call() };
  } catch (error) {
    return { error: toPlain(error) };
  }
}

/** The value of an answer. @throws the error that was thrown on the other side, made anew */
export function unwrap<T>(given: Answer<T>): T {
  if ('error' in given) throw fromPlain(given.error);
  return given.value;
}
