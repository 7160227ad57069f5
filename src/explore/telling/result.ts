import type { OperationName } from '../running/operation.ts';

/** How a schedule can be wrong. See docs and exploration reference 1.9 for the order in which blocked threads are told apart. */
export type FailureKind =
  | 'assertion'
  | 'exception'
  | 'deadlock'
  | 'lost-wakeup'
  | 'missed-notify'
  /** A notify woke a thread that could not use it, and the thread that could was not woken. */
  | 'misdirected-notify'
  | 'orphan-wait'
  | 'livelock'
  | 'stuck-spin'
  | 'step-limit'
  | 'nondeterminism'
  | 'data-race';

/** One step of a schedule, as it is printed. */
export type TraceEntry = {
  readonly thread: string;
  readonly op: OperationName;
  /** The word's name: by the scenario's `names`, else by array and index in the state: `s.words[3]`. */
  readonly target: string;
  /** Operand: of `compareExchange` expected and new, of `wait` expected and timeout in ms (no timeout: expected alone). BigInts as `5n`. */
  readonly value: number | string | null | readonly (number | string)[];
  /** What the call returned; null for a wait that never ended. */
  readonly result: number | string | null;
  /** `file:line:column` of the call, mapped to the source; empty where it is not known. */
  readonly site: string;
  /** The calls it was made through, innermost first, at most four. */
  readonly callers?: readonly string[];
  /** Before this step another thread was stopped though it could have gone on. */
  readonly preempted?: true;
};

/** One thread at the end of a failing schedule. */
export type ThreadEnd = {
  readonly name: string;
  readonly state: 'ended' | 'failed' | 'waiting' | 'blocked' | 'spinning' | 'runnable';
  /** What it waits at, or would do next. */
  readonly at?: string;
  readonly site?: string;
};

/** A failure of another kind, or of another thread, than the one that is shown. */
export type SmallerFailure = {
  readonly kind: FailureKind;
  readonly message: string;
  readonly token: string;
  readonly preemptions: number;
  readonly steps: number;
};

/** A failing schedule. */
export type Failure = {
  readonly kind: FailureKind;
  /** What is wrong, with the threads, words and lines responsible. */
  readonly message: string;
  /** The schedule as one string; see token.ts. */
  readonly token: string;
  readonly preemptions: number;
  /** `proved`: no schedule with fewer preemptions fails in this way; `proof` says which way that is. */
  readonly minimal: 'proved' | 'best-found';
  /** Where it is proved: what, in words. It says nothing of failures of another kind, or of another thread. */
  readonly proof?: string;
  /** The smallest schedule met that fails in another way, where that is smaller than this one. */
  readonly smaller?: SmallerFailure;
  readonly steps: number;
  readonly threads: readonly ThreadEnd[];
  readonly trace: readonly TraceEntry[];
  /** The lines responsible, most telling first. */
  readonly sites: readonly string[];
  /** Stack of what was thrown, where something was. */
  readonly stack?: string;
};

/** How much of the scenario has been seen. */
export type Coverage = {
  /** One sentence for people. */
  readonly statement: string;
  /** Bounded and exhaustive searches: share of the tree that is done, 0 to 1, an unbiased estimate. */
  readonly fraction?: number;
  /** Seconds until the whole tree is done, by that estimate. */
  readonly etaSeconds?: number;
  /** Random strategies: the estimated chance that one more schedule shows a class not seen yet (Good-Turing); 0 excludes nothing. */
  readonly nextIsNew?: number;
  /** Random strategies: classes there are at least (Chao1). */
  readonly classesAtLeast?: number;
};

/** One of the two accesses of a data race. */
export type RaceAccess = {
  readonly thread: string;
  readonly kind: OperationName;
  /** `file:line:column` of the access; empty where it is not known. */
  readonly site: string;
  /** The calls it was made through, innermost first, at most four. */
  readonly callers?: readonly string[];
};

/**
 * Two accesses of different threads to the same bytes, one of them a write, not both by Atomics, that nothing orders:
 * the ECMAScript memory model lets the reader see a value that no interleaving gives. One for each word, pair of threads
 * and pair of kinds.
 */
export type DataRace = {
  /** The word, as traces name it. */
  readonly word: string;
  /** In the order of the schedule of the token. */
  readonly first: RaceAccess;
  readonly second: RaceAccess;
  /** A schedule in which the two meet. */
  readonly token: string;
};

/** A variable outside shared memory that a thread changes, and that all runs of the thread share; see closures.ts. */
export type ClosureChange = {
  readonly thread: string;
  readonly variable: string;
  /** `file:line:column` of the change, or of an operation of the thread; empty where neither is known. */
  readonly site: string;
};

/** What `explore` answers; with `schemaVersion` and `command` added it is the CLI's `--json`. */
export type ExploreResult = {
  readonly scenario: string;
  readonly strategy: string;
  readonly seed: number;
  readonly verdict: 'pass' | 'fail' | 'unknown';
  /** Every schedule within the stated bound has been seen. */
  readonly exhausted: boolean;
  /** What a `pass` is about: `schedules within dfs(preemptions=2)`. Null where it is about every schedule. */
  readonly bounded: string | null;
  /** The user stopped the search; the rest says what was seen until then. */
  readonly interrupted?: true;
  readonly schedules: number;
  readonly steps: number;
  /** Different classes of schedules seen (equal up to the order of independent steps). */
  readonly classes?: number;
  readonly seconds: number;
  readonly schedulesPerSecond: number;
  readonly stepsPerSecond: number;
  /** With `all`: how many schedules failed. */
  readonly failures?: number;
  /** The schedule, counted from 1, that failed first. */
  readonly foundAt?: number;
  /** The strategy that ran it, as it calls itself: under `auto` one of its own, such as `pct(2)` or `dfs(preemptions=1)`. */
  readonly foundBy?: string;
  readonly failure?: Failure;
  /** The data races of all schedules that were run; at most 32. */
  readonly dataRaces: readonly DataRace[];
  /** Variables of closures that threads change; absent where there are none. */
  readonly closures?: readonly ClosureChange[];
  /** With `outcomes`: how often each was seen. */
  readonly outcomes?: Readonly<Record<string, number>>;
  readonly coverage: Coverage;
};
