import type { DataRace, ExploreResult, Failure, ReplayResult, ThreadEnd } from '../explore/index.ts';
import type { ConfirmedResult, LockstepReplay } from '../explore/real/confirm.ts';
import type { FreeResult } from '../explore/real/free.ts';
import { shortSite, traceColumns } from './explore-columns.ts';
import { count, plural, rate } from './units.ts';

/** The result of `irqloom explore`, as text for people. `repeat`: the whole command that repeats the failure. */
export function exploreText(result: ExploreResult | ConfirmedResult, repeat?: string): string {
  const { scenario, strategy, seed, verdict, schedules, steps, seconds, failure, failures, outcomes } =
    result;
  const { foundBy = strategy } = result;
  const finder = foundBy === strategy ? '' : ` (found by ${foundBy})`;
  const speed = `${per(result.schedulesPerSecond, 'schedules')}, ${per(result.stepsPerSecond, 'steps')}`;
  const doubt = 'doubt' in result && typeof result.doubt === 'string' ? result.doubt : undefined;
  const remark = doubt ?? (verdict === 'pass' ? result.bounded : null);
  const bound = remark === null ? '' : ` (${remark})`;
  const lines = [
    `${scenario}: ${verdict}${bound}`,
    `${result.coverage.statement}; strategy ${strategy}${finder}, seed ${seed}`,
    `${plural(schedules, 'schedule')}, ${plural(steps, 'step')} in ${seconds.toFixed(2)} s (${speed})`,
  ];
  if (failures !== undefined) lines.push(`${plural(failures, 'schedule')} of ${count(schedules)} failed`);
  if (outcomes !== undefined) lines.push('', ...outcomeLines(outcomes));
  if (result.dataRaces.length > 0) lines.push('', ...raceLines(result.dataRaces));
  if (failure !== undefined) lines.push('', failureText(failure, repeat));
  return `${lines.join('\n')}\n`;
}

/** Data races that are listed; --json lists all. */
const RACES_SHOWN = 5;

/** Accesses of two threads to the same bytes that nothing orders: a line for each pair, with the lines of the code. */
function raceLines(races: readonly DataRace[]): string[] {
  const access = ({ thread, kind, site }: DataRace['first']) =>
    `${thread} ${kind}${site === undefined ? '' : ` ${shortSite(site)}`}`;
  const more = races.length - RACES_SHOWN;
  return [
    `${plural(races.length, 'data race')}:`,
    ...races
      .slice(0, RACES_SHOWN)
      .map(({ word, first, second }) => `  ${word}: ${access(first)}, ${access(second)}`),
    ...(more > 0 ? [`  (and ${more} more: --json lists all)`] : []),
  ];
}

/** A failing schedule: the failure, the lines responsible, the columns, the place of each thread, the token. */
export function failureText(failure: Failure, repeat?: string): string {
  const { kind, message, sites, preemptions, minimal, steps, trace, threads, token } = failure;
  const proof = minimal === 'proved' ? ', proved minimal' : '';
  const lines = [
    `${kind}: ${message}`,
    ...(sites.length > 0 ? [`  lines responsible: ${sites.map(shortSite).join(', ')}`] : []),
    '',
    `${plural(steps, 'step')}, ${plural(preemptions, 'preemption')}${proof}:`,
    ...scheduleLines(threads, trace, steps),
    '',
    ...endLines(threads),
    '',
    ...proofLines(failure),
    `token   ${token}`,
    ...(repeat === undefined ? [] : [`repeat  ${repeat}`]),
  ];
  return lines.join('\n');
}

/** The proof of a failure's size, and a smaller one of another kind. */
function proofLines({ proof, smaller }: Failure): string[] {
  const lines = proof === undefined ? [] : [`proved  ${proof}`];
  if (smaller !== undefined) {
    const size = `${plural(smaller.steps, 'step')}, ${plural(smaller.preemptions, 'preemption')}`;
    lines.push(`smaller ${smaller.kind}: ${smaller.message} (${size}; token ${smaller.token})`);
  }
  return lines;
}

/** A schedule that was run again, as text. */
export function replayText(result: ReplayResult | LockstepReplay, executor: string): string {
  const { scenario, failure, diverged, steps, preemptions, threads, trace } = result;
  const lines = [
    `${scenario}: ${failure === undefined ? 'does not fail' : failure.kind}, replayed (${executor})`,
  ];
  if (diverged !== undefined) {
    lines.push(
      `diverged at step ${diverged.step}: expected ${diverged.expected}, saw ${diverged.saw}; the code has changed since the token was made`,
    );
  }
  if (failure !== undefined) lines.push('', failureText(failure));
  else {
    lines.push('', `${plural(steps, 'step')}, ${plural(preemptions, 'preemption')}:`);
    lines.push(...scheduleLines(threads, trace, steps), '', ...endLines(threads));
  }
  if ('sameTrace' in result) {
    lines.push('', result.sameTrace ? 'the same trace as simulated' : 'the trace is not the simulated one');
  }
  return `${lines.join('\n')}\n`;
}

/** The answer of real threads, one operation at a time, to a search. */
export function confirmationText({ confirmed, failure }: ConfirmedResult): string {
  const { schedules, agreed, sameTrace } = confirmed;
  if (failure === undefined) {
    return `in real threads, one operation at a time: ${plural(schedules, 'schedule')}, all end as simulated\n`;
  }
  if (sameTrace === undefined) return '';
  const how = agreed === schedules ? 'fails as simulated' : 'does not fail';
  return `in real threads, one operation at a time: ${how}, ${sameTrace ? 'with the same trace' : 'with another trace'}\n`;
}

/** How often uncontrolled real threads have failed. */
export function freeText(result: FreeResult): string {
  const { scenario, verdict, runs, failures, kinds, first, outcomes, seconds, runsPerSecond, seed } = result;
  const often = failures === 0 ? 'never' : `once in ${count(runs / failures)}`;
  const lines = [
    `${scenario}: ${verdict}`,
    `${plural(runs, 'run')} of free threads, ${count(failures)} failed (${often}); seed ${seed}`,
    `${seconds.toFixed(2)} s (${per(runsPerSecond, 'runs')})`,
    ...Object.entries(kinds).map(([kind, times]) => `  ${kind}: ${count(times)}`),
  ];
  if (first !== undefined) {
    lines.push('', `first in run ${count(first.run)}: ${first.kind}: ${first.message}`);
    if (first.sites.length > 0) lines.push(`  lines responsible: ${first.sites.map(shortSite).join(', ')}`);
  }
  if (outcomes !== undefined) lines.push('', ...outcomeLines(outcomes));
  return `${lines.join('\n')}\n`;
}

function outcomeLines(outcomes: Readonly<Record<string, number>>): string[] {
  const most = Math.max(0, ...Object.keys(outcomes).map((outcome) => outcome.length));
  return [
    'outcomes:',
    ...Object.entries(outcomes).map(([outcome, times]) => `  ${outcome.padEnd(most)}  ${count(times)}`),
  ];
}

function scheduleLines(threads: readonly ThreadEnd[], trace: Failure['trace'], steps: number): string[] {
  const left = steps - trace.length;
  const names = threads.map(({ name }) => name);
  return [
    ...(left > 0 ? [`  (the first ${plural(left, 'step')} left out)`] : []),
    ...traceColumns(names, trace, left + 1).map((line) => `  ${line}`),
  ];
}

function endLines(threads: readonly ThreadEnd[]): string[] {
  const names = Math.max(0, ...threads.map(({ name }) => name.length));
  return threads.map(({ name, state, at, site }) =>
    `  ${name.padEnd(names)}  ${state}${at === undefined ? '' : ` at ${at}`}${site === undefined ? '' : `  ${shortSite(site)}`}`.trimEnd(),
  );
}

/** `25.8 k schedules/s`. */
function per(perSecond: number, what: string): string {
  return rate(perSecond).replace(/ ?\/s$/, ` ${what}/s`);
}
