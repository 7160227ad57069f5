import type { ExploreResult } from '../telling/result.ts';
import { ClassCounter } from './classes.ts';
import { Observations, type Observed } from './observations.ts';
import type { PartResult } from './part.ts';

/**
 * The counts of a search's schedules, as plain data: their sum does not depend on how the search was cut into
 * parts.
 */
export type Counted = {
  readonly schedules: number;
  readonly runs: number;
  readonly steps: number;
  readonly failures: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly classes: readonly (readonly [number, number])[];
  readonly observed: Observed;
  readonly omissions: readonly string[];
  readonly sawPlain: boolean;
};

/** Adds up the counts of parts of a search; `--jobs` and campaigns do. */
export class Counts {
  schedules = 0;
  /** Schedules begun, including those that showed nothing new. */
  runs = 0;
  steps = 0;
  failures = 0;
  /** Plain accesses were steps of schedules. */
  sawPlain = false;
  readonly outcomes = new Map<string, number>();
  readonly classes = new ClassCounter();
  readonly observations = new Observations();
  readonly #omissions = new Set<string>();

  count(part: Counted): void {
    this.schedules += part.schedules;
    this.runs += part.runs;
    this.steps += part.steps;
    this.failures += part.failures;
    this.sawPlain ||= part.sawPlain;
    for (const [outcome, times] of Object.entries(part.outcomes))
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + times);
    this.classes.merge(part.classes);
    this.observations.merge(part.observed);
    for (const omission of part.omissions) this.#omissions.add(omission);
  }

  /** In the order of their texts, so that the sum is the same however the parts came. */
  get omissions(): string[] {
    return [...this.#omissions].sort();
  }

  counted(): Counted {
    const { schedules, runs, steps, failures, sawPlain, omissions } = this;
    return {
      schedules,
      runs,
      steps,
      failures,
      outcomes: Object.fromEntries(this.outcomes),
      classes: this.classes.entries(),
      observed: this.observations.toPlain(),
      omissions,
      sawPlain,
    };
  }
}

/** The counts of one part. */
export function countsOf({ result, runs, classes, observed, omissions, sawPlain }: PartResult): Counted {
  const { schedules, steps, failures = 0, outcomes = {} }: ExploreResult = result;
  return { schedules, runs, steps, failures, outcomes, classes, observed, omissions, sawPlain };
}
