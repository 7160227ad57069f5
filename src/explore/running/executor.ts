import type { Failure, ThreadEnd, TraceEntry } from '../telling/result.ts';
import type { OperationName } from './operation.ts';

/**
 * One step of a schedule in machine terms: the thread and its operation. An executor follows a list of steps,
 * and has diverged at another operation.
 */
export type Step = {
  /** Index into the scenario's threads, in the order written. */
  readonly thread: number;
  readonly op: OperationName;
  /** The buffer of the state, by order of first mention, and the byte in the buffer. */
  readonly buffer: number;
  readonly byteOffset: number;
  readonly size: number;
};

/**
 * The choices of a schedule: the thread taken at each step with more than one runnable thread, in order. The choices
 * and the scenario determine everything.
 */
export type Choices = readonly number[];

/** One schedule, run to its end. */
export type Execution = {
  readonly steps: readonly Step[];
  readonly trace: readonly TraceEntry[];
  readonly choices: Choices;
  readonly preemptions: number;
  readonly threads: readonly ThreadEnd[];
  /** Without a token; the caller knows the schedule. */
  readonly failure?: Omit<Failure, 'token' | 'minimal' | 'trace' | 'threads' | 'steps' | 'preemptions'>;
  /** The place at which the program departed from the schedule. */
  readonly diverged?: Divergence;
};

/** The first step, counted from 1, at which a run departed from its schedule. */
export type Divergence = {
  readonly step: number;
  readonly expected: string;
  readonly saw: string;
};

/** Runs a scenario along a schedule. The simulated executor answers at once, executors with real threads later. */
export type Executor = {
  readonly name: 'simulated' | 'lockstep' | 'free';
  run(steps: readonly Step[]): Execution | Promise<Execution>;
  close(): void | Promise<void>;
};
