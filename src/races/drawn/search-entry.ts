import { type ExploreOptions, type ExploreResult, explore } from '../../explore/index.ts';
import { load, store, type Words } from '../../memory/word.ts';
import { MOST_PROGRAMS } from './drawn-names.ts';
import { describe, drawProgram } from './program.ts';
import { drawnScenario } from './scenario.ts';

/** A thread's share of a search: every `step`th program from number `first` on. */
export type DrawnTask = {
  readonly first: number;
  readonly step: number;
  readonly seconds: number;
  readonly words: Words;
  /** Not 0: the search shall end. */
  readonly stopAt: number;
  /** Not 0: no failing schedule shall be shrunk. */
  readonly enoughAt: number;
  /** Where the thread counts its programs. */
  readonly doneAt: number;
};

/** A program that fails, and the schedule. */
export type DrawnFailure = {
  /** The scenario's name, for `irqloom replay`. */
  readonly program: string;
  /** The calls of its threads, a line each. */
  readonly threads: readonly string[];
  readonly kind: NonNullable<ExploreResult['failure']>['kind'];
  readonly message: string;
  readonly token: string;
};

export type DrawnAnswer = {
  readonly programs: number;
  readonly schedules: number;
  readonly steps: number;
  readonly failure: DrawnFailure | null;
};

/** Schedules of a program: more of them find less than another program does. */
const SCHEDULES = 120;
/** Most time for finding a program's failure once more, s. */
const AGAIN_S = 30;

/** The bounds of waits are for threads that die, and here none does: a wait that only its bound ends is a failure. */
const timeouts = 'never';

/** How a program is run: few preemptions at any place, mostly; of every fourth program, one after each step. */
export function optionsOf(seed: number): ExploreOptions {
  return { strategy: seed % 4 === 0 ? 'random' : 'pct', seed, timeouts, schedules: SCHEDULES };
}

/** Runs programs until one fails, another thread has found one, or the time is over. */
export function searchPrograms({
  first,
  step,
  seconds,
  words,
  stopAt,
  enoughAt,
  doneAt,
}: DrawnTask): DrawnAnswer {
  const end = performance.now() + seconds * 1000;
  const sum = { programs: 0, schedules: 0, steps: 0 };
  for (let number = first; load(words, stopAt) === 0; number += step) {
    const left = (end - performance.now()) / 1000;
    if (left <= 0) break;
    const seed = 1 + (number % MOST_PROGRAMS);
    const scenario = drawnScenario(seed);
    const options = optionsOf(seed);
    const result = explore(scenario, { ...options, seconds: left, shrink: false });
    sum.programs++;
    sum.schedules += result.schedules;
    sum.steps += result.steps;
    store(words, doneAt, sum.programs);
    if (result.failure === undefined) continue;
    store(words, stopAt, 1);
    const again = explore(scenario, {
      ...options,
      seconds: AGAIN_S,
      stopWord: new Int32Array(words.buffer, 4 * enoughAt, 1),
    });
    const failure = again.failure ?? result.failure;
    const { kind, message, token } = failure;
    const threads = describe(drawProgram(seed)).split('\n');
    return { ...sum, failure: { program: scenario.name ?? '', threads, kind, message, token } };
  }
  return { ...sum, failure: null };
}
