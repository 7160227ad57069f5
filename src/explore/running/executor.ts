import type { Failure, ThreadEnd, TraceEntry } from '../telling/result.ts';
import type { OperationName } from './operation.ts';

/**
 * One step of a schedule in machine terms: which thread, and which operation it does. A list of them is what an
 * executor follows; an executor that meets another operation has diverged.
 */
export type Step = {
  /** Index into the scenario's threads, in the order written. */
  readonly thread: number;
  readonly op: OperationName;
  /** Which buffer of the state, in the order of first mention, and which byte of it. */
  readonly buffer: number;
  readonly byteOffset: number;
  readonly size: number;
};

/**
 * The choices of a schedule: the thread taken at each step where more than one could go on, in order. Steps without a
 * choice are not listed. The choices and the scenario determine everything.
 */
export type Choices = readonly number[];

/** One schedule, run to its end. */
export type Execution = {
  readonly steps: readonly Step[];
  readonly trace: readonly TraceEntry[];
  readonly choices: Choices;
  readonly preemptions: number;
  readonly threads: readonly ThreadEnd[];
  /** Without a token; the caller knows what it ran. */
  readonly failure?: Omit<Failure, 'token' | 'minimal' | 'trace' | 'threads' | 'steps' | 'preemptions'>;
  /** Where the program did another thing than the schedule says. */
  readonly diverged?: Divergence;
};

/** The first step, counted from 1, at which a run was not what its schedule says. */
export type Divergence = {
  readonly step: number;
  readonly expected: string;
  readonly saw: string;
};

/** Runs a scenario along a schedule. The simulated executor answers at once, those with real threads later. */
export type Executor = {
  readonly name: 'simulated' | 'lockstep' | 'free';
  run(steps: readonly Step[]): Execution | Promise<Execution>;
  close(): void | Promise<void>;
};
