import type { FailureKind, Scenario } from '../explore/index.ts';
import type { OracleId } from './oracles.ts';

/**
 * Where a step of the named schedule is in the code: an operation and its word, `store pending`; or `rest`,
 * all further steps of the thread, to its end or until the thread is stuck. A pair gives the place in the
 * buggy and in the fixed variant, undefined if the fixed variant has no such step.
 */
type StepPlace = string | readonly [buggy: string, fixed: string | undefined];

/** A race of interrupt delivery, as two small programs: one with the race, one without. */
export type Race = {
  /** Number in the catalogue. */
  readonly number: number;
  readonly slug: string;
  /** The failure, in one line. */
  readonly title: string;
  readonly component: string;
  /** The symptom that a user notices. */
  readonly symptom: string;
  readonly oracle: OracleId;
  /** The explorer's verdict. */
  readonly kind: FailureKind;
  /** The least number of preemptions. */
  readonly preemptions: number;
  /**
   * The shortest schedule to the failure: `thread:step` in order, with ` ! ` where a runnable thread is preempted, and
   * ` | ` where another thread takes over because the one before waits or has ended.
   */
  readonly schedule: string;
  readonly steps: Readonly<Record<string, StepPlace>>;
  /** The occurrence; facts in our own words. */
  readonly reference: string;
  /** The story of the bad interleaving. */
  readonly story: string;
  /** The reason why the fixed variant is right, and the code that the variant follows. */
  readonly fix: string;
  /** The advice for a review. */
  readonly lesson: string;
  readonly buggy: Scenario;
  readonly fixed: Scenario;
};

/**
 * The parts of a race; its variants are named after the race. Each variant has its own state, made by its
 * `setup`.
 */
export type RaceParts<B, F> = Omit<Race, 'buggy' | 'fixed'> & {
  readonly buggy: Omit<Scenario<B>, 'name'>;
  readonly fixed: Omit<Scenario<F>, 'name'>;
};

export function defineRace<B, F>(race: RaceParts<B, F>): Race {
  const buggy: Scenario<B> = { ...race.buggy, name: variantName(race.slug, 'buggy') };
  const fixed: Scenario<F> = { ...race.fixed, name: variantName(race.slug, 'fixed') };
  // A runner passes the state of a scenario's setup to its threads, and does not read the state.
  return { ...race, buggy: buggy as unknown as Scenario, fixed: fixed as unknown as Scenario };
}

export type Variant = 'buggy' | 'fixed';

/** The name of a variant's scenario in tokens: `check-then-halt.buggy`. */
export function variantName(slug: string, variant: Variant): string {
  return `${slug}.${variant}`;
}
