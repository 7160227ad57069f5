import { plural } from '../../base/plural.ts';
import type { Coverage } from '../telling/result.ts';
import type { ClassCounter } from './classes.ts';
import type { Shard } from './split.ts';

/** How far a search has come; how much `dpor` and `states` have left cannot be told. */
export type SearchState = {
  readonly name: string;
  /** Of `dfs`: some schedule was left out because of the bound. */
  readonly cut?: boolean;
  readonly fraction?: number;
  /** Of `dpor` and `states`: schedules that were begun besides, and show nothing new. */
  readonly extra?: number;
  /** Of `states`: how many were met. */
  readonly states?: number;
};

/** The facts at the end of a search, from which its coverage follows. */
export type Explored = {
  readonly exhausted: boolean;
  /** The search was stopped at a failure. */
  readonly failed: boolean;
  readonly schedules: number;
  readonly seconds: number;
  /** The last bounded search that came to its end; empty where none did. */
  readonly bound: string;
  /** The search that was going on at the end. */
  readonly search: SearchState | undefined;
  readonly classes: ClassCounter;
  readonly randomWalk: boolean;
  /** Of the searches that can be shared out, this share was searched. */
  readonly shard: Shard | undefined;
};

/** Says how much of a scenario has been seen, and how sure that makes one. */
export function describeCoverage(explored: Explored): Coverage {
  const { exhausted, failed, schedules, seconds, bound, search, classes } = explored;
  const run = plural(schedules, 'schedule');
  const { shard } = explored;
  const share = shard === undefined ? '' : ` of shard ${shard.index + 1}/${shard.count}`;
  if (exhausted) {
    const what = search?.cut
      ? `every schedule${share} within ${bound}`
      : search?.cut !== undefined
        ? `every schedule${share}`
        : search?.states !== undefined
          ? `every state (${search.states.toLocaleString('en-US')})`
          : `every schedule${search?.extra === undefined ? '' : share}, up to the order of steps that do not conflict`;
    const statement = `exhausted: ${what}, ${schedules.toLocaleString('en-US')} run${sayExtra(search)}`;
    return { statement, fraction: 1 };
  }
  if (failed) return { statement: `stopped at a failure after ${run}` };
  if (search !== undefined) {
    const within = bound === '' ? '' : `; complete${share} within ${bound}`;
    if (search.cut === undefined || search.fraction === undefined)
      return { statement: `${run}${sayExtra(search)}, not exhausted${within}` };
    const fraction = Math.min(1, search.fraction);
    const etaSeconds = fraction > 0 ? (seconds * (1 - fraction)) / fraction : Infinity;
    return {
      statement: `${run}, about ${percent(fraction)}${share} of ${search.name}${Number.isFinite(etaSeconds) ? `, the rest would take about ${duration(etaSeconds)}` : ''}${within}`,
      fraction,
      ...(Number.isFinite(etaSeconds) ? { etaSeconds } : {}),
    };
  }
  const { nextIsNew, classesAtLeast } = classes;
  const sample =
    classes.schedules < schedules ? ` (of the first ${classes.schedules.toLocaleString('en-US')})` : '';
  const rule =
    explored.randomWalk && schedules > 0
      ? `; a failure that random walk meets more often than once in ${Math.max(1, Math.floor(schedules / 3)).toLocaleString('en-US')} is excluded at 95 %`
      : '';
  return {
    statement: `${run}, ${plural(classes.classes, 'class', 'classes')}${sample} of an estimated ${classesAtLeast.toLocaleString('en-US')} or more; ${chanceOfNew(classes)}${rule}`,
    nextIsNew,
    classesAtLeast,
  };
}

function sayExtra(search: SearchState | undefined): string {
  const extra = search?.extra ?? 0;
  return extra === 0 ? '' : `, ${extra.toLocaleString('en-US')} more showed nothing new`;
}

/** Good and Turing's estimate. An estimate of 0 is none: then every class was met twice or more, and one may be left. */
function chanceOfNew({ schedules, nextIsNew }: ClassCounter): string {
  return nextIsNew > 0
    ? `the next is of a new class with a chance of ${percent(nextIsNew)}`
    : `every class was met more than once in ${plural(schedules, 'schedule')}, which does not exclude one more`;
}

function percent(share: number): string {
  return share > 0 && share < 0.0001
    ? 'less than 0.01 %'
    : `${(share * 100).toFixed(2).replace(/\.?0+$/, '')} %`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.ceil(seconds / 3600)} h`;
  const days = Math.ceil(seconds / 86_400);
  if (days < 1000) return `${days} days`;
  return days < 365_250
    ? `${Math.ceil(days / 365.25).toLocaleString('en-US')} years`
    : 'more than 1,000 years';
}
