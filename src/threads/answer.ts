import { fromPlain, type PlainError, toPlain } from '../base/irq-error.ts';

/** An answer between threads: structured clone would drop an error's class and code. */
export type Answer<T> = { readonly value: T } | { readonly error: PlainError };

/** Calls `call` and wraps its value or its error in an answer. */
export function answer<T>(call: () => T): Answer<T> {
  try {
    return { value: call() };
  } catch (error) {
    return { error: toPlain(error) };
  }
}

/** Returns the value of an answer. @throws the other side's error, made anew */
export function unwrap<T>(given: Answer<T>): T {
  if ('error' in given) throw fromPlain(given.error);
  return given.value;
}
