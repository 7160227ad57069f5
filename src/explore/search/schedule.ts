import type { Divergence } from '../running/executor.ts';
import { OPERATION_NAMES } from '../running/operation.ts';
import { countThreads, nthThread, type RunEnd, type RunView, type Strategy } from './strategies/strategy.ts';

/** The default thread: the current thread while that thread can go on, else the next thread in turn. */
export function byDefault(enabled: number, current: number): number {
  if (current >= 0 && (enabled & (1 << current)) !== 0) return current;
  const later = current < 0 ? enabled : enabled & (-1 << current);
  return nthThread(later === 0 ? enabled : later, 0);
}

/**
 * A place where a schedule leaves the default: the thread that was running and the number of its operations
 * done (-1 at the start), and `next`, the thread taken. Because an entry counts a thread's own operations,
 * its meaning stays when other entries are removed.
 */
export type Switch = {
  readonly thread: number;
  readonly done: number;
  readonly next: number;
  /** The running thread could have gone on. */
  readonly preempts: boolean;
};

/**
 * Takes the given threads at some of the choices, by number from 0, and elsewhere the default; records the
 * schedule.
 */
export class FollowChoices implements Strategy {
  readonly name = 'replay';
  readonly everyStep = true;
  readonly watches = true;
  readonly follows = true;
  readonly #turns: ReadonlyMap<number, number>;
  readonly #expectedOps: readonly number[] | undefined;
  #run: RunView | undefined;
  #at = 0;
  #checked = 0;
  readonly switches: Switch[] = [];
  /** The choices that were not the default. */
  readonly turns = new Map<number, number>();
  /** Steps, by number from 0, before which a thread was stopped that could have gone on. */
  readonly preempted = new Set<number>();
  diverged: Divergence | undefined;

  /** @param expectedOps - by step, the answer of {@link stepMark} when the schedule was recorded. */
  constructor(turns: ReadonlyMap<number, number>, expectedOps?: readonly number[]) {
    this.#turns = turns;
    this.#expectedOps = expectedOps;
  }

  begin(run: RunView): boolean {
    this.#run = run;
    this.#at = 0;
    this.#checked = 0;
    this.switches.length = 0;
    this.turns.clear();
    this.preempted.clear();
    this.diverged = undefined;
    return true;
  }

  choose(enabled: number, current: number): number {
    const run = this.#run as RunView;
    this.#check(run);
    const usual = byDefault(enabled, current);
    let chosen = usual;
    if (countThreads(enabled) > 1) {
      const choice = this.#at++;
      const wanted = this.#turns.get(choice);
      if (wanted !== undefined && (enabled & (1 << wanted)) !== 0) chosen = wanted;
      else if (wanted !== undefined) {
        this.diverged ??= { step: run.steps + 1, expected: `thread ${wanted} to go on`, saw: 'it cannot' };
      }
    }
    const preempts = current >= 0 && chosen !== current && (enabled & (1 << current)) !== 0;
    if (preempts) this.preempted.add(run.steps);
    if (chosen !== usual) {
      this.turns.set(this.#at - 1, chosen);
      this.switches.push({
        thread: current,
        done: current < 0 ? 0 : (run.done[current] as number),
        next: chosen,
        preempts,
      });
    }
    return chosen;
  }

  end(how: RunEnd): void {
    const run = this.#run as RunView;
    this.#check(run);
    const expected = this.#expectedOps;
    if (expected !== undefined && run.steps < expected.length) {
      const wanted = OPERATION_NAMES[(expected[run.steps] as number) >> 2] ?? 'a step';
      this.diverged ??= { step: run.steps + 1, expected: wanted, saw: 'the end of the schedule' };
    } else if (expected !== undefined && expected.length < MOST_MARKS && run.steps > expected.length) {
      const point = run.stepPoint[expected.length];
      const saw = OPERATION_NAMES[point?.op ?? -1] ?? 'another step';
      this.diverged ??= { step: expected.length + 1, expected: 'the end of the schedule', saw };
    }
    const unused = [...this.#turns.keys()].some((choice) => choice >= this.#at);
    if (unused && how !== 'limit') {
      this.diverged ??= {
        step: run.steps + 1,
        expected: 'a choice of threads',
        saw: 'the end of the schedule',
      };
    }
  }

  #check(run: RunView): void {
    const expected = this.#expectedOps;
    for (; expected !== undefined && this.#checked < run.steps; this.#checked++) {
      const mark = expected[this.#checked];
      const point = run.stepPoint[this.#checked];
      if (mark === undefined || point === undefined || stepMark(point.op, point.at) === mark) continue;
      const was = OPERATION_NAMES[mark >> 2] ?? 'another operation';
      const is = OPERATION_NAMES[point.op] ?? 'another';
      this.diverged ??= {
        step: this.#checked + 1,
        expected: was === is ? `${was} on another word` : was,
        saw: is,
      };
    }
  }
}

/**
 * Runs by default, except at some switches; a switch does nothing if the schedule never reaches its place, or
 * its thread cannot go on.
 */
export class FollowSwitches implements Strategy {
  readonly name = 'switches';
  readonly everyStep = false;
  readonly watches = false;
  readonly #next = new Map<number, number>();
  #run: RunView | undefined;

  constructor(switches: readonly Switch[]) {
    for (const { thread, done, next } of switches) this.#next.set(done * 32 + thread + 1, next);
  }

  begin(run: RunView): boolean {
    this.#run = run;
    return true;
  }

  choose(enabled: number, current: number): number {
    const done = current < 0 ? 0 : ((this.#run as RunView).done[current] as number);
    const next = this.#next.get(done * 32 + current + 1);
    return next !== undefined && (enabled & (1 << next)) !== 0 ? next : byDefault(enabled, current);
  }

  end(): void {}
}

/** Marks are kept for that many steps at most, to keep tokens short. */
export const MOST_MARKS = 160;

/** Six bits that tell one step from another: its operation, and something of its address. */
export function stepMark(op: number, at: number): number {
  const word = at >>> 2;
  return (op << 2) | ((word ^ (word >>> 2) ^ (word >>> 4)) & 3);
}
