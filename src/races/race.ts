import type { FailureKind, Scenario } from '../explore/index.ts';
import type { OracleId } from './oracles.ts';

/**
 * Where a step of the named schedule is found in the code: the operation and the word that it is done on, `store pending`;
 * or `rest`, all that its thread can do: up to its end, or to where it is stuck. A pair gives the one in the buggy variant
 * and the one in the fixed variant, undefined where there is none any more.
 */
type StepPlace = string | readonly [buggy: string, fixed: string | undefined];

/** A race of interrupt delivery, as two small programs: one that has it, and one that has not. */
export type Race = {
  /** Number in the catalogue. */
  readonly number: number;
  readonly slug: string;
  /** What goes wrong, in one line. */
  readonly title: string;
  readonly component: string;
  /** How a user notices. */
  readonly symptom: string;
  readonly oracle: OracleId;
  /** The verdict that the explorer gives. */
  readonly kind: FailureKind;
  /** The fewest preemptions that it takes. */
  readonly preemptions: number;
  /**
   * The shortest way to it: `thread:step` in order, with ` ! ` where a thread is stopped that could go on, and ` | ` where
   * another thread takes over because the one before waits or has ended.
   */
  readonly schedule: string;
  readonly steps: Readonly<Record<string, StepPlace>>;
  /** Where it happened; facts in our own words. */
  readonly reference: string;
  /** The story of the bad interleaving. */
  readonly story: string;
  /** What makes the fixed variant right, and whose code it is. */
  readonly fix: string;
  /** What to look for in a review. */
  readonly lesson: string;
  readonly buggy: Scenario;
  readonly fixed: Scenario;
};

/** What a race is made of; its variants are named after it. Each has a state of its own, which its `setup` makes. */
export type RaceParts<B, F> = Omit<Race, 'buggy' | 'fixed'> & {
  readonly buggy: Omit<Scenario<B>, 'name'>;
  readonly fixed: Omit<Scenario<F>, 'name'>;
};

export function defineRace<B, F>(race: RaceParts<B, F>): Race {
  const buggy: Scenario<B> = { ...race.buggy, name: variantName(race.slug, 'buggy') };
  const fixed: Scenario<F> = { ...race.fixed, name: variantName(race.slug, 'fixed') };
  // A runner hands the threads of a scenario the state that the scenario's setup made, and does not look at that state.
  return { ...race, buggy: buggy as unknown as Scenario, fixed: fixed as unknown as Scenario };
}

export type Variant = 'buggy' | 'fixed';

/** The name of a variant's scenario, as tokens have it: `check-then-halt.buggy`. */
export function variantName(slug: string, variant: Variant): string {
  return `${slug}.${variant}`;
}
