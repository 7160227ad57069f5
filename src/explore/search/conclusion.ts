import { plural } from '../../base/plural.ts';
import type { Coverage, Failure } from '../telling/result.ts';
import { describeCoverage, type Explored } from './coverage.ts';

/** The findings of a search, before they are put into words. */
export type Findings = Explored & {
  readonly failure: Failure | undefined;
  /** The time was over before the search was. */
  readonly outOfTime: boolean;
  /** The user stopped the search. */
  readonly interrupted: boolean;
  /** As many schedules as the user asked for were run; undefined where no number was asked for. */
  readonly budgetSpent: number | undefined;
  /** Why a search that ran to its end is still no answer: each a sentence that names a thread. */
  readonly gaps: readonly string[];
  /** The omissions of a search that came to its end: each a phrase. */
  readonly omissions: readonly string[];
};

/** The words that people believe. */
export type Conclusion = {
  readonly verdict: 'pass' | 'fail' | 'unknown';
  readonly exhausted: boolean;
  /** The bound of a `pass`; null if the `pass` covers every schedule. */
  readonly bounded: string | null;
  readonly coverage: Coverage;
};

/**
 * Decides the verdict of a search. `pass` needs a search that did all of its task: every schedule, or the
 * part of them that the user chose by a bound, a number of schedules, or a random strategy. A search that ran
 * out of time, was interrupted, or met a thread that no search can judge is `unknown`.
 */
export function conclude(findings: Findings): Conclusion {
  const { failure, gaps } = findings;
  const bounds = boundsOf(findings);
  const exhausted = findings.exhausted && findings.omissions.length === 0 && gaps.length === 0;
  const complete =
    !findings.interrupted &&
    (findings.exhausted ||
      findings.budgetSpent !== undefined ||
      (findings.search === undefined && !findings.outOfTime));
  const verdict = failure !== undefined ? 'fail' : complete && gaps.length === 0 ? 'pass' : 'unknown';
  const coverage =
    findings.exhausted && !exhausted && !findings.failed
      ? { statement: `the search came to its end, ${plural(findings.schedules, 'schedule')} run` }
      : describeCoverage({ ...findings, exhausted });
  const notes = [
    ...(findings.interrupted ? ['interrupted'] : []),
    ...findings.omissions.map((omission) => `not searched: ${omission}`),
    ...(failure === undefined ? gaps : []),
  ];
  return {
    verdict,
    exhausted,
    bounded: bounds.length === 0 ? null : bounds.join('; '),
    coverage:
      notes.length === 0 ? coverage : { ...coverage, statement: [coverage.statement, ...notes].join('; ') },
  };
}

function boundsOf(findings: Findings): string[] {
  const { search, shard, schedules, budgetSpent, omissions, interrupted, outOfTime } = findings;
  const run = plural(schedules, 'schedule');
  const bounds: string[] = [];
  if (findings.exhausted) {
    if (search?.cut) bounds.push(`schedules within ${search.name}`);
  } else if (search === undefined) bounds.push(`a sample of ${run}`);
  else if (budgetSpent !== undefined && !interrupted)
    bounds.push(schedules === 1 ? 'the first schedule' : `the first ${run}`);
  else if (outOfTime || interrupted) bounds.push(`the ${run} that ${schedules === 1 ? 'was' : 'were'} run`);
  else bounds.push(run);
  if (shard !== undefined) bounds.push(`shard ${shard.index + 1} of ${shard.count}`);
  for (const omission of omissions) bounds.push(`not ${omission}`);
  return bounds;
}
