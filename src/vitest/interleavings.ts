import { relative } from 'node:path';
import { expect } from 'vitest';
import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import { readThrown } from '../base/thrown.ts';
import {
  type ExploreOptions,
  type ExploreResult,
  explore,
  type FailureKind,
  replay,
  type Scenario,
} from '../explore/index.ts';
import { failureText } from '../report/explore-text.ts';
import { savedTokens, saveToken } from './regressions.ts';

export type InterleavingOptions = ExploreOptions & {
  /**
   * Save the token of a failure in `__interleavings__/` beside the test file; saved schedules run first from
   * then on. `IRQLOOM_SAVE=1` in the environment saves for all tests.
   */
  readonly save?: boolean;
};

/** A scenario that fails in some interleaving. The message has the schedule as columns, and its token. */
export class InterleavingError extends Error {
  override readonly name = 'InterleavingError';
  readonly result: ExploreResult;

  constructor(message: string, result: ExploreResult) {
    super(message);
    this.result = result;
  }
}

/** Below the timeout that vitest gives a test where nothing else is said, 5 s. */
const SECONDS = 4;
const HANG_SECONDS = 3;

/** The variable of the environment with a token that is to be run in the place of a search. */
const REPLAY = 'IRQLOOM_REPLAY';

/**
 * Runs a scenario under every interleaving of its threads, and throws at the first that fails. A search that
 * does not come to its end within its budget (default 4 s) fails too, unless the test asks for a part only:
 * by `schedules`, `seconds`, `preemptions`, `delays`, or a random strategy.
 * @param scenario - without a name, the scenario takes the test's.
 * @returns the result of the search.
 * @throws InterleavingError with the smallest failing schedule as columns, a thread each.
 */
export function everyInterleaving<S>(
  scenario: Scenario<S>,
  options: InterleavingOptions = {},
): ExploreResult {
  const { result, note } = search(scenario, options);
  const wrong = complaint(result, options, note);
  if (wrong !== undefined) {
    const error = new InterleavingError(wrong, result);
    Error.captureStackTrace(error, everyInterleaving);
    throw error;
  }
  return result;
}

/** The result of a search, and a note for its message. */
type Found = { readonly result: ExploreResult; readonly note?: string };

function search<S>(unnamed: Scenario<S>, options: InterleavingOptions): Found {
  const { save = process.env.IRQLOOM_SAVE === '1', ...given } = options;
  const { testPath, currentTestName = 'scenario' } = expect.getState();
  const scenario = unnamed.name === undefined ? withName(unnamed, currentTestName) : unnamed;
  const wanted = process.env[REPLAY];
  if (wanted !== undefined) {
    const again = replaySaved(wanted, scenario, given);
    if (again !== undefined) return { result: again };
  }
  if (testPath !== undefined) {
    for (const token of savedTokens(testPath, currentTestName)) {
      const again = replaySaved(token, scenario, given);
      if (again !== undefined) return { result: again };
    }
  }
  const result = explore(scenario, {
    seconds: SECONDS,
    hangSeconds: HANG_SECONDS,
    dataRaces: 'fail',
    ...given,
  });
  if (save && testPath !== undefined && result.failure !== undefined) {
    try {
      saveToken(testPath, currentTestName, result.failure.token);
    } catch (error) {
      // The failure is the result; a schedule that could not be saved must not take its place.
      return { result, note: `the schedule is not saved: ${readThrown(error).message}` };
    }
  }
  return { result };
}

/** A saved schedule that fails again, as a result; a token that no longer fits the scenario says nothing. */
function replaySaved<S>(
  token: string,
  scenario: Scenario<S>,
  { seed = 0, strategy = 'auto', steps, dataRaces = 'fail' }: ExploreOptions,
): ExploreResult | undefined {
  let failure: ExploreResult['failure'];
  let taken = 0;
  try {
    const again = replay(token, scenario, { dataRaces, ...(steps === undefined ? {} : { steps }) });
    failure = again.failure;
    taken = again.steps;
  } catch (error) {
    if (error instanceof IrqError && error.code === 'ERR_TOKEN') return undefined;
    throw error;
  }
  if (failure === undefined) return undefined;
  return {
    scenario: scenario.name ?? 'scenario',
    strategy,
    seed,
    verdict: 'fail',
    exhausted: false,
    bounded: null,
    schedules: 1,
    dataRaces: [],
    steps: taken,
    seconds: 0,
    schedulesPerSecond: 0,
    stepsPerSecond: 0,
    foundAt: 1,
    failure,
    coverage: { statement: 'a saved schedule fails again' },
  };
}

function complaint(result: ExploreResult, options: InterleavingOptions, note?: string): string | undefined {
  if (result.failure !== undefined)
    return `${result.scenario} ${failureText(result.failure)}\nrepeat  ${repeatCommand(result.failure.token)}${note === undefined ? '' : `\n${note}`}`;
  const { schedules, seconds, preemptions, delays, strategy = 'auto' } = options;
  const bounded = schedules ?? seconds ?? preemptions ?? delays;
  if (result.exhausted || bounded !== undefined) return undefined;
  if (!['auto', 'dfs', 'dpor', 'states'].includes(strategy)) return undefined;
  return `not every interleaving of ${result.scenario} was run within ${SECONDS} s: ${result.coverage.statement}. Make it smaller, give it more time ({ seconds: 60 }), or say what is enough: { schedules: 100000 }, { strategy: 'dfs', preemptions: 2 }`;
}

/** The command that runs a failing schedule again, in its own test. */
function repeatCommand(token: string): string {
  const { testPath, currentTestName } = expect.getState();
  const file = testPath === undefined ? '' : ` ${shellWord(relative(process.cwd(), testPath))}`;
  const name = currentTestName?.split(' > ').at(-1);
  return `${REPLAY}=${token} npx vitest run${file}${name === undefined ? '' : ` -t ${shellWord(escaped(name))}`}`;
}

/** As a regular expression, which -t takes. */
function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Tokens are bound to a scenario by its name, which has to be one word. */
function withName<S>(scenario: Scenario<S>, test: string): Scenario<S> {
  const name = test
    .replace(/[^\w.+-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(-80);
  return { ...scenario, name: name === '' ? 'scenario' : name };
}

type Verdict = { pass: boolean; message: () => string };

/** `expect(scenario).toHoldInEveryInterleaving()`, and its opposite, which names the expected failure. */
export const matchers = {
  toHoldInEveryInterleaving(scenario: Scenario, options: InterleavingOptions = {}): Verdict {
    const { result, note } = search(scenario, options);
    const wrong = complaint(result, options, note);
    return {
      pass: wrong === undefined,
      message: () => wrong ?? `expected some interleaving to fail; ${result.coverage.statement}`,
    };
  },
  toFailInSomeInterleaving(
    scenario: Scenario,
    kind?: FailureKind,
    options: InterleavingOptions = {},
  ): Verdict {
    const { result } = search(scenario, { ...options, save: false });
    const { failure } = result;
    const pass = failure !== undefined && (kind === undefined || failure.kind === kind);
    const wanted = kind === undefined ? '' : ` with ${kind}`;
    return {
      pass,
      message: () => {
        const saw = failure === undefined ? result.coverage.statement : failureText(failure);
        return `expected ${pass ? 'no' : 'some'} interleaving to fail${wanted}; saw:\n${saw}`;
      },
    };
  },
};
