import type { OperationName } from '../running/operation.ts';

/** The failures of a schedule; stuck.ts has the order in which blocked threads are classified. */
export type FailureKind =
  | 'assertion'
  | 'exception'
  | 'deadlock'
  | 'lost-wakeup'
  | 'missed-notify'
  /** A notify woke a thread that could not use the notify, instead of a thread that could. */
  | 'misdirected-notify'
  | 'orphan-wait'
  | 'livelock'
  | 'stuck-spin'
  | 'step-limit'
  | 'nondeterminism'
  | 'data-race';

/** One printed step of a schedule. */
export type TraceEntry = {
  readonly thread: string;
  readonly op: OperationName;
  /** The word's name: by the scenario's `names`, else by array and index in the state: `s.words[3]`. */
  readonly target: string;
  /**
   * Operand: of `compareExchange` expected and new; of `wait` expected and timeout in ms (without timeout, expected
   * alone). BigInts as `5n`.
   */
  readonly value: number | string | null | readonly (number | string)[];
  /** The result of the call; null for a wait that never ended. */
  readonly result: number | string | null;
  /** `file:line:column` of the call, mapped to the source; empty if unknown. */
  readonly site: string;
  /** The callers, innermost first, at most four. */
  readonly callers?: readonly string[];
  /** Before this step, another runnable thread was preempted. */
  readonly preempted?: true;
};

/** One thread at the end of a failing schedule. */
export type ThreadEnd = {
  readonly name: string;
  readonly state: 'ended' | 'failed' | 'waiting' | 'blocked' | 'spinning' | 'runnable';
  /** The operation in which the thread waits, or its next operation. */
  readonly at?: string;
  readonly site?: string;
};

/** A failure of another kind, or of another thread, than the reported one. */
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
  /** The cause, with the threads, words and lines responsible. */
  readonly message: string;
  /** The schedule as one string; see token.ts. */
  readonly token: string;
  readonly preemptions: number;
  /** `proved`: no schedule with fewer preemptions fails in this way; `proof` names the way. */
  readonly minimal: 'proved' | 'best-found';
  /**
   * If proved: the claim, in words. The claim does not cover failures of another kind, or of another thread.
   */
  readonly proof?: string;
  /** The smallest schedule with another failure, if smaller than this one. */
  readonly smaller?: SmallerFailure;
  readonly steps: number;
  readonly threads: readonly ThreadEnd[];
  readonly trace: readonly TraceEntry[];
  /** The lines responsible, most telling first. */
  readonly sites: readonly string[];
  /** Stack of the thrown error, if any. */
  readonly stack?: string;
};

/** How much of the scenario the search has seen. */
export type Coverage = {
  /** One sentence for people. */
  readonly statement: string;
  /** Bounded and exhaustive searches: the finished share of the tree, 0 to 1, an unbiased estimate. */
  readonly fraction?: number;
  /** Seconds until the whole tree is finished, by that estimate. */
  readonly etaSeconds?: number;
  /**
   * Random strategies: the estimated chance that one more schedule shows a new class (Good-Turing); 0 excludes nothing.
   */
  readonly nextIsNew?: number;
  /** Random strategies: a lower bound of the number of classes (Chao1). */
  readonly classesAtLeast?: number;
};

/** One of the two accesses of a data race. */
export type RaceAccess = {
  readonly thread: string;
  readonly kind: OperationName;
  /** `file:line:column` of the access; empty if unknown. */
  readonly site: string;
  /** The callers, innermost first, at most four. */
  readonly callers?: readonly string[];
};

/**
 * Two unordered accesses of different threads to the same bytes: at least one a write, not both by Atomics. The
 * ECMAScript memory model lets the reader see a value that no interleaving gives. One for each word, pair of threads
 * and pair of kinds.
 */
export type DataRace = {
  /** The word's name in traces. */
  readonly word: string;
  /** In the order of the token's schedule. */
  readonly first: RaceAccess;
  readonly second: RaceAccess;
  /** A schedule in which both accesses meet. */
  readonly token: string;
};

/**
 * A variable outside shared memory that a thread changes, although all runs of the thread share it; see closures.ts.
 */
export type ClosureChange = {
  readonly thread: string;
  readonly variable: string;
  /** `file:line:column` of the change, or of an operation of the thread; empty if neither is known. */
  readonly site: string;
};

/** The result of `explore`; with `schemaVersion` and `command` added, the CLI's `--json`. */
export type ExploreResult = {
  readonly scenario: string;
  readonly strategy: string;
  readonly seed: number;
  readonly verdict: 'pass' | 'fail' | 'unknown';
  /** Every schedule within the stated bound has been seen. */
  readonly exhausted: boolean;
  /** The scope of a `pass`: `schedules within dfs(preemptions=2)`. Null for every schedule. */
  readonly bounded: string | null;
  /** The user stopped the search; the other fields cover the part until then. */
  readonly interrupted?: true;
  readonly schedules: number;
  readonly steps: number;
  /** Distinct classes of schedules seen (equal up to the order of independent steps). */
  readonly classes?: number;
  readonly seconds: number;
  readonly schedulesPerSecond: number;
  readonly stepsPerSecond: number;
  /** With `all`: number of failed schedules. */
  readonly failures?: number;
  /** The number, from 1, of the first schedule that failed. */
  readonly foundAt?: number;
  /**
   * The strategy that ran the schedule, by its own name: under `auto`, one of its parts, such as `pct(2)` or
   * `dfs(preemptions=1)`.
   */
  readonly foundBy?: string;
  readonly failure?: Failure;
  /** The data races of all schedules run; at most 32. */
  readonly dataRaces: readonly DataRace[];
  /** Variables of closures that threads change; absent for none. */
  readonly closures?: readonly ClosureChange[];
  /** With `outcomes`: the count of each outcome. */
  readonly outcomes?: Readonly<Record<string, number>>;
  readonly coverage: Coverage;
};
