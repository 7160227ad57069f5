/** A run's results of the rules that show at rest. Plain data. */
export type RulesResult = {
  /** Times that a rule was looked at, and rules that were. */
  readonly looks: number;
  readonly rules: number;
  readonly broken: number;
  readonly breaches: readonly string[];
};
