import type { ErrorCode } from '../base/codes.ts';
import type { ProcessUse } from '../base/process-use.ts';
import type { Fault } from '../board/config.ts';
import type { TurnSettings } from './rotation-turns.ts';

/**
 * The settings and counts of one turn of a rotation, and the resources that the process held after the turn's machine had
 * ended.
 */
export type Turn = TurnSettings & {
  readonly index: number;
  readonly injected: number;
  readonly delivered: number;
  readonly lost: number;
  readonly misrouted: number;
  readonly spurious: number;
  readonly stranded: number;
  readonly use: ProcessUse;
};

/** A resource that grew from turn to turn. */
export type Growth = {
  readonly resource: 'memory' | 'descriptors' | 'threads';
  /** Least use of the turns at the start, and of those at the end: bytes, or a count. */
  readonly start: number;
  readonly end: number;
  /** The most that `end` may be above `start`. */
  readonly bound: number;
};

/** The turn that ended a rotation: the proof failed, or the run ended with an error. */
export type FailedTurn = {
  readonly index: number;
  /** The whole command that runs this turn alone. */
  readonly command: string;
  /** Rules of the machine that were broken, in words: the first few. */
  readonly breaches: readonly string[];
  /** null where the proof failed, or a rule was broken. */
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly exit: 1 | 2 | 3 } | null;
};

/** The output of `irqloom stress --rotate --json`. */
export type RotationResult = {
  readonly schemaVersion: 1;
  readonly command: 'stress';
  readonly rotation: true;
  readonly seed: number;
  readonly fault: Fault;
  /** Time from the first turn's start to the end, s. */
  readonly seconds: number;
  /** Whether the user ended the rotation before its time. */
  readonly interrupted: boolean;
  readonly injected: number;
  readonly delivered: number;
  readonly lost: number;
  readonly misrouted: number;
  readonly spurious: number;
  readonly stranded: number;
  readonly turns: readonly Turn[];
  readonly growth: readonly Growth[];
  readonly failed: FailedTurn | null;
};

/** Turns that are compared at each end. */
const WINDOW = 8;
/** Turns before the window at the start: V8 compiles, and Node starts its own threads, in the first ones. */
const WARM_UP = 4;
/** Turns from which on the ends of a rotation tell of its growth. */
const LEAST_TURNS = WARM_UP + 2 * WINDOW;

/**
 * The most by which the least use of the last {@link WINDOW} turns may be above that of the first. Every thread and
 * descriptor of a machine has to be gone when the machine has ended, and the least of eight turns is free of a thread that
 * the system has not yet taken away. Memory: the least of eight turns leaves the sizes of single machines out, and the heaps of
 * threads that ended fill up by some 30 MiB in the first twenty turns and are used again (measured: 106 MiB after the first
 * turn, 157 at most, 137 after sixty). A leak of the smallest machine, 3 MiB a turn, passes the bound after 22 turns.
 */
const BOUNDS = { memory: 64 * 2 ** 20, descriptors: 0, threads: 0 } as const;

/** Resources of which the end of a rotation holds more than the start, beyond the bound. */
export function growthOf(uses: readonly ProcessUse[]): Growth[] {
  if (uses.length < LEAST_TURNS) return [];
  const least = (from: number, of: (use: ProcessUse) => number | null) =>
    Math.min(...uses.slice(from, from + WINDOW).map((use) => of(use) ?? 0));
  const grown = (resource: Growth['resource'], of: (use: ProcessUse) => number | null): Growth => ({
    resource,
    start: least(WARM_UP, of),
    end: least(uses.length - WINDOW, of),
    bound: BOUNDS[resource],
  });
  return [
    grown('memory', (use) => use.rssBytes),
    grown('descriptors', (use) => use.descriptors),
    grown('threads', (use) => use.threads),
  ].filter(({ start, end, bound }) => end > start + bound);
}
