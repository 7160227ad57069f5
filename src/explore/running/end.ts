import { isIrqError } from '../../base/irq-error.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { Race } from './data-races.ts';
import type { ThreadRunner } from './thread-runner.ts';
import type { Nondeterminism } from './tracks.ts';

/** The failure of a schedule, in machine terms. */
export type Fault =
  | { readonly kind: 'threw'; readonly thread: number; readonly thrown: unknown }
  | { readonly kind: 'finally'; readonly thrown: unknown }
  /** `outcomes.of` threw, or returned no string. */
  | { readonly kind: 'outcomes'; readonly thrown: unknown }
  | { readonly kind: 'outcome'; readonly outcome: string }
  | { readonly kind: 'data-race'; readonly race: Race }
  | Nondeterminism;

/** Lets the scenario judge the state after the last thread has ended. */
export function judgeEnd(
  scenario: CheckedScenario,
  state: unknown,
  runner: ThreadRunner,
): { readonly fault?: Fault; readonly outcome?: string } {
  const { finally: check, outcomes } = scenario;
  if (check !== undefined) {
    try {
      runner.runAside('finally', () => check(state));
    } catch (thrown) {
      if (isFaultOfScenario(thrown)) throw thrown;
      return { fault: { kind: 'finally', thrown } };
    }
  }
  if (outcomes === undefined) return NOTHING;
  let outcome: string;
  try {
    outcome = runner.runAside('outcomes.of', () => outcomes.of(state));
  } catch (thrown) {
    if (isFaultOfScenario(thrown)) throw thrown;
    return { fault: { kind: 'outcomes', thrown } };
  }
  if (outcomes.allowed.includes(outcome) || outcomes.interesting?.includes(outcome)) return { outcome };
  return { fault: { kind: 'outcome', outcome }, outcome };
}

const NOTHING = {};

/** Whether the error is a scenario's forbidden act: nothing can be said of its schedules. */
function isFaultOfScenario(thrown: unknown): boolean {
  return isIrqError(thrown, 'ERR_UNSUPPORTED') || isIrqError(thrown, 'ERR_SCENARIO');
}
