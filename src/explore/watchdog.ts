import { Script } from 'node:vm';

const script = new Script('globalThis[Symbol.for("irqloom.watched")]()');
const KEY = Symbol.for('irqloom.watched');

/** What {@link watched} answers where the body did not come back in time. */
export const NO_END = Symbol('no end');

/**
 * Runs `body`; where it is not back after `ms` it is stopped wherever it is, which no `catch` can prevent. What it held
 * at that moment is lost, so the caller has to clean up.
 */
export function watched<T>(ms: number, body: () => T): T | typeof NO_END {
  let result: { value: T } | undefined;
  const globals = globalThis as unknown as Record<symbol, unknown>;
  globals[KEY] = () => {
    result = { value: body() };
  };
  try {
    script.runInThisContext({ timeout: ms });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      return NO_END;
    throw error;
  } finally {
    delete globals[KEY];
  }
  return result === undefined ? NO_END : result.value;
}
