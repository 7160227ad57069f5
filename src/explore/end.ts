import { IrqError } from '../errors/irq-error.ts';
import type { CheckedScenario } from './scenario.ts';
import type { ThreadRunner } from './thread-runner.ts';
import type { Nondeterminism } from './tracks.ts';

/** What went wrong in a schedule, in machine terms. */
export type Fault =
  | { readonly kind: 'threw'; readonly thread: number; readonly thrown: unknown }
  | { readonly kind: 'finally'; readonly thrown: unknown }
  | { readonly kind: 'outcome'; readonly outcome: string }
  | Nondeterminism;

/** What the scenario says of the state after the last thread has ended. */
export function judgeEnd(
  scenario: CheckedScenario,
  state: unknown,
  runner: ThreadRunner,
): { readonly fault?: Fault; readonly outcome?: string } {
  const { finally: check, outcomes } = scenario;
  if (check !== undefined) {
    try {
      runner.runAside(() => check(state));
    } catch (thrown) {
      if (thrown instanceof IrqError && thrown.code === 'ERR_UNSUPPORTED') throw thrown;
      return { fault: { kind: 'finally', thrown } };
    }
  }
  if (outcomes === undefined) return NOTHING;
  const outcome = runner.runAside(() => outcomes.of(state));
  if (outcomes.allowed.includes(outcome) || outcomes.interesting?.includes(outcome)) return { outcome };
  return { fault: { kind: 'outcome', outcome }, outcome };
}

const NOTHING = {};
