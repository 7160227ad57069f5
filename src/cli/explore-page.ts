import type { ExploreResult } from '../explore/index.ts';
import type { ConfirmedResult } from '../explore/real/confirm.ts';
import type { FreeResult } from '../explore/real/free.ts';
import { runSearch } from '../explore/real/search-thread.ts';
import type { WhatIf } from '../explore/telling/what-if.ts';
import { exploreHtml } from '../report/explore-html.ts';
import type { ExploreFlags } from './explore-flags.ts';
import type { Found } from './scenario.ts';

export type Result = ExploreResult | ConfirmedResult | FreeResult;

/** A scenario and its result. */
export type Explored = { readonly found: Found; readonly result: Result };

/** The schedules beside a failing one may take so long; a page without them is better than none. */
const SECONDS = 60;

/**
 * The page of `--report`; of a failure with every step, and with the schedules in which another thread goes on.
 * @param repeat - the whole command that repeats the failure
 */
export async function explorePage(
  { found, result }: Explored,
  repeat: string | undefined,
  flags: ExploreFlags,
  signal: AbortSignal,
): Promise<string> {
  if ('runs' in result) return '';
  return exploreHtml(result, repeat, await whatIfOf(found, result, flags, signal));
}

async function whatIfOf(
  { source }: Found,
  { failure }: ExploreResult,
  { steps, dataRaces }: ExploreFlags,
  signal: AbortSignal,
): Promise<WhatIf | undefined> {
  if (failure === undefined || signal.aborted) return undefined;
  const options = {
    ...(steps === undefined ? {} : { steps }),
    ...(dataRaces === undefined ? {} : { dataRaces }),
  };
  try {
    const answer = await runSearch({ does: 'what-if', source, token: failure.token, options }, SECONDS, {
      signal,
    });
    return answer !== undefined && 'unanswered' in answer ? undefined : (answer as WhatIf | undefined);
  } catch {
    // The code under test ended the thread this time: the failure is shown all the same.
    return undefined;
  }
}
