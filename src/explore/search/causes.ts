import { readThrown } from '../../base/thrown.ts';
import { ENDED, OPERATION_NAMES } from '../running/operation.ts';
import type { Simulation } from '../running/simulation.ts';
import type { Timeouts } from '../running/simulator-options.ts';
import { toFailure } from '../telling/failure.ts';
import type { Recording } from '../telling/record.ts';
import type { Failure } from '../telling/result.ts';
import type { RunEnd } from './strategies/strategy.ts';

/** One way in which schedules of a search fail, and how many do: plain data. */
export type Cause = Pick<Failure, 'kind' | 'message' | 'token' | 'preemptions' | 'steps'> & {
  /** The end of those schedules. The same end has the same text in every part of a search. */
  readonly cause: string;
  readonly times: number;
};

/** So many causes are told apart; schedules that end in other ways are counted under {@link OTHER}. */
const MOST_CAUSES = 64;
export const OTHER = 'other ends';

type Met = { times: number; recording: Recording | undefined };

/**
 * Counts failing schedules by their end: which thread threw which message, or where each thread is stuck. The end depends
 * on the schedule alone, so the counts of parts add up to those of the whole, however the search is cut.
 */
export class Causes {
  readonly #met = new Map<string, Met>();
  #last: Met | undefined;

  /** Adds the schedule that has just failed; true if no earlier schedule ended in the same way. */
  add(simulation: Simulation, how: RunEnd): boolean {
    const end = endOf(simulation, how);
    const cause = this.#met.size < MOST_CAUSES || this.#met.has(end) ? end : OTHER;
    const known = this.#met.get(cause);
    if (known !== undefined) known.times++;
    else this.#met.set(cause, { times: 1, recording: undefined });
    this.#last = this.#met.get(cause);
    return known === undefined;
  }

  /**
   * Counts the last schedule, which fails step by step too, as recorded; undefined: it does not fail so, and
   * is not counted.
   */
  confirm(recording: Recording | undefined): void {
    const last = this.#last;
    if (last === undefined) return;
    if (recording === undefined) last.times--;
    else last.recording ??= recording;
  }

  toPlain(simulation: Simulation, seed: number, timeouts: Timeouts): Cause[] {
    return [...this.#met].flatMap(([cause, { times, recording }]) => {
      if (recording === undefined || times === 0) return [];
      const failure = toFailure(simulation, recording, 'best-found', seed, timeouts);
      return [causeOf(failure, cause, times)];
    });
  }
}

/** The part of a failure that a search keeps. */
export function causeOf(failure: Failure, cause: string, times: number): Cause {
  const { kind, message, token, preemptions, steps } = failure;
  return { cause, times, kind, message, token, preemptions, steps };
}

/** How the schedule that has just run has ended, as one line. Numbers are left out of messages: a counter's value is no cause. */
export function endOf({ simulator, scenario, memory }: Simulation, how: RunEnd): string {
  const { fault } = simulator;
  const name = (thread: number): string => scenario.threadNames[thread] ?? '';
  switch (fault?.kind) {
    case 'threw':
      return `${name(fault.thread)} threw: ${withoutNumbers(fault.thrown)}`;
    case 'finally':
      return `the end is wrong: ${withoutNumbers(fault.thrown)}`;
    case 'outcomes':
      return `outcomes.of threw: ${withoutNumbers(fault.thrown)}`;
    case 'outcome':
      return `the outcome ${JSON.stringify(fault.outcome)} is not allowed`;
    case 'nondeterminism':
      return `${name(fault.thread)} is not deterministic`;
    case 'data-race': {
      const point = simulator.stepPoint[fault.race.second];
      return `data race at ${point === undefined ? 'a word' : memory.nameOf(point.at, point.size)}`;
    }
  }
  const going = scenario.threadNames.flatMap((thread, t) => {
    const point = simulator.pending[t];
    if (point === undefined || point.op >= ENDED) return [];
    return [`${thread} at ${OPERATION_NAMES[point.op]} of ${memory.nameOf(point.at, point.size)}`];
  });
  return `${how === 'limit' ? 'no end' : 'stuck'}: ${going.join(', ')}`;
}

function withoutNumbers(thrown: unknown): string {
  return readThrown(thrown)
    .message.replace(/\d+(?:\.\d+)?/g, '#')
    .replace(/\s+/g, ' ')
    .trim();
}
