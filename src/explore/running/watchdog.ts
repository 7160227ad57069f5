import { Script } from 'node:vm';

const script = new Script('globalThis[Symbol.for("irqloom.watched")]()');
const KEY = Symbol.for('irqloom.watched');

/** The answer of {@link watched} if a thread does not come to its next operation. */
export const NO_END = Symbol('no end');

/** The answer of {@link watched} if the deadline came in the middle of a schedule. */
export const OVERDUE = Symbol('overdue');

/** Default bound of a thread's time from one operation to the next, ms. */
export const HANG_MS = 10_000;
/** A body still busy after this share of the limit, at most this long, is from then on watched in pieces. */
const SHARE = 4;
const LONGEST_MS = 1000;
/** A piece is abandoned after this multiple of the limit. */
const MOST_TIMES = 64;

/**
 * Thrown through a body in order to watch the body in pieces. No Error, so that the engine captures no stack.
 */
const GIVE_WAY: object = Object.freeze({ irqloom: 'to be watched piece by piece' });
/** Thrown out of an endless piece. */
const SILENT: object = Object.freeze({ irqloom: 'a thread comes to no operation' });

// Taken before the clock is put under control.
const nowMs = performance.now.bind(performance);

/** The answer of {@link Piecework.goOn} for work left before its end. */
export const LATER = Symbol('later');

/** The {@link Piecework.place} of code that is known to be endless. */
export const ENDLESS = 'endless';

/** Work that can be left and continued. */
export type Piecework<T> = {
  /** Continues until the work is done, or until {@link isDue}. */
  goOn(): T | typeof LATER;
  /** The place of the running code under test; the same place twice means that no operation was done in between. */
  place(): string | undefined;
  /** Restarts interrupted work: the current item begins again. */
  restart(): void;
};

/** `quick`: one timeout for a whole body. `pieces`: one timeout for each piece. */
let mode: 'none' | 'quick' | 'pieces' = 'none';
let due = Infinity;
let limit = HANG_MS;
/** When to leave everything, wherever a schedule is, ms; Infinity: schedules run to their end. */
let deadline = Infinity;
let active: Piecework<unknown> | undefined;
/** The place of the code at its last cut-off. */
let lastPlace: string | undefined;
/** Whether the engine's timeout guards the running code. */
let timing = false;

/**
 * Runs `body`, which runs schedules. If a thread's code comes to no operation for `ms`, the engine stops the
 * code at any place, and no `catch` can prevent the stop. Everything that the code held is lost, so the
 * caller must clean up.
 *
 * The engine can only stop code a fixed time after its start, for any number of operations in that time. So a
 * long body is left at the next step of a schedule and **called once more** to continue the schedule. From
 * then on each schedule runs in pieces, each with its own time, until one piece uses up its time. That piece
 * runs again with twice the time; only a second cut-off at the same operation shows a stuck thread.
 */
export function watched<T>(ms: number, body: () => T): T | typeof NO_END {
  return watchedUntil(Infinity, ms, body) as T | typeof NO_END;
}

/**
 * As {@link watched}, but also leaves `body` in the middle of a schedule.
 * @param until - the deadline, in ms of performance.now
 */
export function watchedUntil<T>(
  until: number,
  ms: number,
  body: () => T,
): T | typeof NO_END | typeof OVERDUE {
  if (mode !== 'none') return body();
  limit = ms;
  deadline = until;
  lastPlace = undefined;
  active = undefined;
  try {
    mode = 'quick';
    const result = timed(ms, body);
    if (result !== undefined) return result.value;
    if (cutOff()) return NO_END;
  } catch (error) {
    if (error !== GIVE_WAY) throw error;
  } finally {
    mode = 'none';
    due = Infinity;
  }
  try {
    mode = 'pieces';
    return body();
  } catch (error) {
    if (error === OVERDUE) return OVERDUE;
    if (error !== SILENT) throw error;
    return NO_END;
  } finally {
    mode = 'none';
    due = Infinity;
    active = undefined;
  }
}

/** Whether the watched work has taken so long that the caller should leave at the next step. */
export function isDue(): boolean {
  return due < Infinity && nowMs() > due;
}

/** Does work that runs code under test; in pieces once the work has taken long. */
export function inPieces<T>(work: Piecework<T>): T {
  active = work;
  if (mode !== 'pieces') {
    const result = work.goOn();
    if (result === LATER) throw GIVE_WAY;
    return result;
  }
  for (let ms = limit; ; ) {
    const piece = timed(ms, () => work.goOn());
    if (piece === undefined) {
      if (cutOff() || ms > limit * MOST_TIMES) throw SILENT;
      ms *= 2;
    } else if (piece.value !== LATER) return piece.value;
    else if (nowMs() > deadline) throw OVERDUE;
  }
}

/** Runs `body` to its end, even past the deadline. */
export function pastDeadline<T>(body: () => T): T {
  const before = deadline;
  deadline = Infinity;
  try {
    return body();
  } finally {
    deadline = before;
  }
}

/** Records the place of a cut-off; true for the same place as before. */
function cutOff(): boolean {
  const place = active?.place();
  const stuck = place === ENDLESS || (place !== undefined && place === lastPlace);
  lastPlace = place;
  if (!stuck) active?.restart();
  return stuck;
}

/** Does work that must not be left in the middle. */
export function inOnePiece<T>(body: () => T): T {
  const before = due;
  if (mode === 'quick') due = Infinity;
  try {
    return body();
  } finally {
    if (mode === 'quick') due = before;
  }
}

/** Calls `body`, which should return after a share of `ms`; stops the call when all of `ms` is over. */
function timed<T>(ms: number, body: () => T): { readonly value: T } | undefined {
  let result: { readonly value: T } | undefined;
  const share = Math.min(ms / SHARE, LONGEST_MS);
  due = nowMs() + share;
  const globals = globalThis as unknown as Record<symbol, unknown>;
  globals[KEY] = () => {
    result = { value: body() };
  };
  const before = timing;
  timing = true;
  try {
    script.runInThisContext({ timeout: Math.ceil(ms + share) });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      return undefined;
    throw error;
  } finally {
    timing = before;
    delete globals[KEY];
  }
  return result;
}

/** Whether code under test would now run without a timeout: between two pieces, to be checked once more. */
export function isUntimed(): boolean {
  return mode === 'pieces' && !timing;
}

/** Runs code under test while {@link isUntimed}. If that code does not return, the whole work is abandoned. */
export function bounded<A, T>(body: (argument: A) => T, argument: A): T {
  const result = withinTime(Math.max(limit, HANG_MS), () => body(argument));
  if (result === undefined) throw SILENT;
  return result.value;
}

/** Calls `body`, and stops the call after `ms`; undefined for a stopped call. */
export function withinTime<T>(ms: number, body: () => T): { readonly value: T } | undefined {
  const before = due;
  try {
    return timed(ms, body);
  } finally {
    due = before;
  }
}
