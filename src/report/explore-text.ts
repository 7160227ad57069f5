import type { ExploreResult, Failure, ReplayResult, ThreadEnd } from '../explore/index.ts';
import { shortSite, traceColumns } from './explore-columns.ts';
import { count, plural, rate } from './units.ts';

/** What `irqloom explore` found, as text for people. `repeat`: the whole command that repeats the failure. */
export function exploreText(result: ExploreResult, repeat?: string): string {
  const { scenario, strategy, seed, verdict, schedules, steps, seconds, failure, failures, outcomes } =
    result;
  const speed = `${per(result.schedulesPerSecond, 'schedules')}, ${per(result.stepsPerSecond, 'steps')}`;
  const lines = [
    `${scenario}: ${verdict}`,
    `${result.coverage.statement}; strategy ${strategy}, seed ${seed}`,
    `${plural(schedules, 'schedule')}, ${plural(steps, 'step')} in ${seconds.toFixed(2)} s (${speed})`,
  ];
  if (failures !== undefined) lines.push(`${plural(failures, 'schedule')} of ${count(schedules)} failed`);
  if (outcomes !== undefined) {
    lines.push('', 'outcomes:');
    const most = Math.max(0, ...Object.keys(outcomes).map((outcome) => outcome.length));
    for (const [outcome, times] of Object.entries(outcomes)) {
      lines.push(`  ${outcome.padEnd(most)}  ${count(times)}`);
    }
  }
  if (failure !== undefined) lines.push('', failureText(failure, repeat));
  return `${lines.join('\n')}\n`;
}

/** A failing schedule: what is wrong, the lines responsible, the columns, where each thread stands, the token. */
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
    `token   ${token}`,
    ...(repeat === undefined ? [] : [`repeat  ${repeat}`]),
  ];
  return lines.join('\n');
}

/** A schedule that was run again, as text. */
export function replayText(result: ReplayResult, executor: string): string {
  const { scenario, failure, diverged, steps, preemptions, threads, trace } = result;
  const lines = [
    `${scenario}: ${failure === undefined ? 'does not fail' : failure.kind}, replayed (${executor})`,
  ];
  if (diverged !== undefined) {
    lines.push(
      `diverged at step ${diverged.step}: expected ${diverged.expected}, saw ${diverged.saw}; the code is not what it was when the token was made`,
    );
  }
  if (failure !== undefined) lines.push('', failureText(failure));
  else {
    lines.push('', `${plural(steps, 'step')}, ${plural(preemptions, 'preemption')}:`);
    lines.push(...scheduleLines(threads, trace, steps), '', ...endLines(threads));
  }
  return `${lines.join('\n')}\n`;
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
