import { Script } from 'node:vm';

const script = new Script('globalThis[Symbol.for("irqloom.watched")]()');
const KEY = Symbol.for('irqloom.watched');

/** What {@link watched} answers where a thread does not come to its next operation. */
export const NO_END = Symbol('no end');

/** What {@link watched} answers where the deadline has come in the middle of a schedule. */
export const OVERDUE = Symbol('overdue');

/** How long a thread may take from one operation to the next, ms, where nothing else is said. */
export const HANG_MS = 10_000;
/** A body that is still busy after that share of the limit, and at most so long, is watched piece by piece from then on. */
const SHARE = 4;
const LONGEST_MS = 1000;
/** A piece is given up, wherever it is, when it has had so many times the limit. */
const MOST_TIMES = 64;

/** What is thrown through a body to watch it piece by piece. No Error, so that nothing is captured for it. */
const GIVE_WAY: object = Object.freeze({ irqloom: 'to be watched piece by piece' });
/** What is thrown out of a piece that has no end. */
const SILENT: object = Object.freeze({ irqloom: 'a thread comes to no operation' });

// Taken before the clock is put under control.
const nowMs = performance.now.bind(performance);

/** What {@link Piecework.goOn} answers where it has been left before its end. */
export const LATER = Symbol('later');

/** The {@link Piecework.place} of code that is known to go on without end. */
export const ENDLESS = 'endless';

/** Work that can be left and gone on with. */
export type Piecework<T> = {
  /** Goes on until it is done, or until {@link isDue}. */
  goOn(): T | typeof LATER;
  /** Where the code under test is, if it is running: the same twice where it has done no operation in between. */
  place(): string | undefined;
  /** It has been cut off in the middle: whatever it was at is to be begun again. */
  restart(): void;
};

/** `quick`: all of a body under one timeout. `pieces`: each piece under one of its own. */
let mode: 'none' | 'quick' | 'pieces' = 'none';
let due = Infinity;
let limit = HANG_MS;
/** When all of it has to be left, wherever a schedule is, ms; Infinity where a schedule is run to its end. */
let deadline = Infinity;
let active: Piecework<unknown> | undefined;
/** Where the code was when it was last cut off. */
let lastPlace: string | undefined;
/** Whether the engine stops what runs now. */
let timing = false;

/**
 * Runs `body`, which runs schedules; where a thread's code comes to no operation for `ms` it is stopped wherever it is,
 * which no `catch` can prevent. What it held at that moment is lost, so the caller has to clean up.
 *
 * The engine can only stop code a fixed time after it began, and that says nothing of how many operations it did in this
 * time. So a body that takes long is left at the next step of a schedule, and **called once more**, to go on with the
 * schedule it was at; and from then on each schedule is run in pieces, each with its own time, until one takes all of
 * it. That one is run again with twice the time, and only if it is cut off at the same operation is the thread stuck.
 */
export function watched<T>(ms: number, body: () => T): T | typeof NO_END {
  return watchedUntil(Infinity, ms, body) as T | typeof NO_END;
}

/**
 * As {@link watched}, and leaves `body` even in the middle of a schedule.
 * @param until - when, in ms of performance.now
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

/** Whether what is being watched has taken so long that it should be left at the next step. */
export function isDue(): boolean {
  return due < Infinity && nowMs() > due;
}

/** Does work that runs code under test; in pieces, where that has been found to take long. */
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

/** Runs `body` to its end, though the deadline may come. */
export function pastDeadline<T>(body: () => T): T {
  const before = deadline;
  deadline = Infinity;
  try {
    return body();
  } finally {
    deadline = before;
  }
}

/** Notes where code has been cut off; whether it had been cut off there before. */
function cutOff(): boolean {
  const place = active?.place();
  const stuck = place === ENDLESS || (place !== undefined && place === lastPlace);
  lastPlace = place;
  if (!stuck) active?.restart();
  return stuck;
}

/** Does what is not to be left in the middle. */
export function inOnePiece<T>(body: () => T): T {
  const before = due;
  if (mode === 'quick') due = Infinity;
  try {
    return body();
  } finally {
    if (mode === 'quick') due = before;
  }
}

/** Calls `body`, which should come back after a share of `ms`, and stops it when all of that is over too. */
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

/** Whether code under test that runs now would be stopped by nothing: between two pieces, to be looked at once more. */
export function isUntimed(): boolean {
  return mode === 'pieces' && !timing;
}

/** Runs code under test where it {@link isUntimed}: code that does not come back then is what the whole is given up for. */
export function bounded<A, T>(body: (argument: A) => T, argument: A): T {
  const result = withinTime(Math.max(limit, HANG_MS), () => body(argument));
  if (result === undefined) throw SILENT;
  return result.value;
}

/** Calls `body`, and stops it after `ms`; undefined where it was stopped. */
export function withinTime<T>(ms: number, body: () => T): { readonly value: T } | undefined {
  const before = due;
  try {
    return timed(ms, body);
  } finally {
    due = before;
  }
}
