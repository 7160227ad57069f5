import { inspect } from 'node:util';

// Taken before code under test is loaded: that code may replace the globals.
const FirstError = Error;
const { defineProperty, deleteProperty, get, getOwnPropertyDescriptor } = Reflect;

/**
 * The readable parts of a thrown value, as plain strings. Any value can be thrown, and the reads can throw in turn.
 */
export type Thrown = {
  readonly isError: boolean;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** `node:assert`'s and vitest's errors, by name or code. */
  readonly isAssertion: boolean;
};

/** Reads a thrown value without ever throwing itself: null prototypes, proxies, getters that throw, symbols. */
export function readThrown(thrown: unknown): Thrown {
  const isError = attempt(() => thrown instanceof FirstError) ?? false;
  if (!isError) {
    return { isError, name: '', message: describe(thrown), stack: '', isAssertion: false };
  }
  const error = thrown as Error;
  const name = readString(error, 'name') ?? 'Error';
  return {
    isError,
    name,
    message: readString(error, 'message') ?? 'an error whose message cannot be read',
    stack: withFirstStackFormat(() => readString(error, 'stack')) ?? '',
    isAssertion: name.startsWith('AssertionError') || readString(error, 'code') === 'ERR_ASSERTION',
  };
}

/** The format of stacks before code under test was loaded: Node.js's, or a test runner's with source maps. */
const FORMAT = getOwnPropertyDescriptor(FirstError, 'prepareStackTrace');

/**
 * Runs `body` with the initial stack format: code under test may have installed an `Error.prepareStackTrace` that
 * throws or returns no text.
 */
export function withFirstStackFormat<T>(body: () => T): T {
  const now = getOwnPropertyDescriptor(FirstError, 'prepareStackTrace');
  if (now?.value === FORMAT?.value || now?.configurable === false) return body();
  defineProperty(FirstError, 'prepareStackTrace', FORMAT ?? { value: undefined, configurable: true });
  try {
    return body();
  } finally {
    if (now !== undefined) defineProperty(FirstError, 'prepareStackTrace', now);
    else deleteProperty(FirstError, 'prepareStackTrace');
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return value;
  return (
    attempt(() => inspect(value, { depth: 1, breakLength: Infinity, customInspect: false })) ??
    `a ${typeof value} that cannot be shown`
  );
}

function readString(from: object, key: string): string | undefined {
  const value = attempt(() => get(from, key) as unknown);
  return typeof value === 'string' ? value : undefined;
}

function attempt<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch {
    return undefined;
  }
}
