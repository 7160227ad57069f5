import { shellWord } from '../base/shell-word.ts';
import type { CampaignResult, ItemFailure, ItemResult } from '../campaign/index.ts';
import type { JUnitCase, JUnitSuite } from './junit.ts';
import { table } from './table.ts';
import { count, plural, time } from './units.ts';

/** The findings of a campaign, as text for people. */
export function campaignText(result: CampaignResult): string {
  const { name, items } = result;
  const head = ['item', 'verdict', 'done', 'schedules', 'failed', 'causes', 'time of a thread'];
  const lines = [`${name}: ${stateText(result)}`, '', table(head, items.map(itemRow))];
  for (const item of items) {
    if (item.failures.length + item.problems.length > 0) lines.push('', ...findings(item));
  }
  return `${lines.join('\n')}\n`;
}

/** One line on how far a campaign is. */
export function stateText({ state, jobs, seconds, items, workers }: CampaignResult): string {
  const failing = items.filter(({ verdict }) => verdict === 'fail').length;
  const schedules = items.reduce((sum, each) => sum + each.schedules, 0);
  const tries = jobs.retried === 0 ? '' : `, ${count(jobs.retried)} tried again`;
  const lost = jobs.failed === 0 ? '' : `, ${count(jobs.failed)} given up`;
  const slots = workers.reduce((sum, each) => sum + each.slots, 0);
  const by = slots > 0 ? `, ${plural(slots, 'thread')}` : state === 'open' ? ', no worker' : '';
  return `${state === 'done' ? 'done' : `${count(jobs.total - jobs.done - jobs.failed)} jobs open`}; ${count(jobs.done)} of ${plural(jobs.total, 'job')} done${tries}${lost}; ${count(schedules)} schedules and runs, ${plural(failing, 'item')} of ${count(items.length)} failing${by}, ${time(seconds * 1e9)}`;
}

const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

/** How much of an item is done, and how long one thread would take for the rest. */
export function progressOf({ fraction, seconds }: ItemResult): string {
  if (fraction === null) return '–';
  if (fraction >= 1) return '100 %';
  if (fraction <= 0) return '0 %';
  return `${percent(fraction)}, ${time(((seconds * (1 - fraction)) / fraction) * 1e9)} of a thread left`;
}

function itemRow(item: ItemResult): string[] {
  const { failed = item.failures.reduce((sum, { times }) => sum + times, 0) } = item;
  return [
    item.name,
    item.verdict,
    progressOf(item),
    count(item.schedules),
    count(failed),
    String(item.failures.length),
    time(item.seconds * 1e9),
  ];
}

function findings(item: ItemResult): string[] {
  return [
    `${item.name}:`,
    ...item.failures.flatMap((failure) => [
      `  ${plural(failure.times, item.kind === 'search' ? 'schedule' : 'violation')}: ${failure.cause}`,
      ...(item.kind === 'search'
        ? [
            `    ${failure.message}`,
            `    ${plural(failure.preemptions, 'preemption')}${failure.proved ? ', proved minimal' : ''}`,
          ]
        : []),
      `    ${repeat(item, failure)}`,
    ]),
    ...item.problems.map(
      ({ does, error }) => `  a job (${does}) was given up, so there is no answer: ${error}`,
    ),
  ];
}

/** The command that repeats a failure. */
function repeat({ kind, source = '' }: ItemResult, { token }: ItemFailure): string {
  return kind === 'search'
    ? `npx irqloom replay ${token} ${shellWord(source)}`
    : `npx irqloom stress ${token}`;
}

/** The same as markdown, for the summary of a CI job or a comment. */
export function campaignMarkdown(result: CampaignResult): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const row = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  const lines = [
    `### ${result.name}`,
    '',
    `${stateText(result)}.`,
    '',
    row(['item', 'verdict', 'done', 'schedules', 'failed', 'causes', 'time of a thread']),
    row(['---', '---', '---', '---:', '---:', '---:', '---:']),
    ...result.items.map((item) => row(itemRow(item))),
  ];
  for (const item of result.items) {
    if (item.failures.length + item.problems.length === 0) continue;
    lines.push('', '```', ...findings(item), '```');
  }
  return `${lines.join('\n')}\n`;
}

/** A check for each item: `error` where there is no answer. */
export function campaignSuite(result: CampaignResult): JUnitSuite {
  const cases = result.items.map((item): JUnitCase => {
    const test = { name: item.name, about: `irqloom.campaign.${item.kind}`, seconds: item.seconds };
    if (item.verdict === 'pass') return test;
    const text = findings(item).join('\n');
    const [first] = item.failures;
    if (first !== undefined)
      return {
        ...test,
        failure: { message: `${plural(item.failures.length, 'cause')}: ${first.cause}`, text },
      };
    const [problem] = item.problems;
    const why = problem?.error ?? item.coverage?.statement ?? 'runs are left';
    return { ...test, error: { message: 'no answer', text: `${why}\n${text}` } };
  });
  const { jobs, name, seconds } = result;
  return { name: `irqloom campaign ${name}`, cases, seconds, properties: { ...jobs } };
}

/** The same as OpenMetrics text. @see the OpenMetrics specification, 1.0 */
export function campaignMetrics(result: CampaignResult): string {
  const label = (text: string) =>
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  const family = (name: string, type: string, help: string, samples: readonly string[]) => [
    `# TYPE ${name} ${type}`,
    `# HELP ${name} ${help}`,
    ...samples,
  ];
  const { jobs, items, workers } = result;
  const by = (read: (item: ItemResult) => number, name: string) =>
    items.map((item) => `${name}{item="${label(item.name)}"} ${read(item)}`);
  const lines = [
    ...family('irqloom_campaign_jobs', 'gauge', 'Jobs by state.', [
      `irqloom_campaign_jobs{state="open"} ${jobs.total - jobs.done - jobs.failed}`,
      `irqloom_campaign_jobs{state="done"} ${jobs.done}`,
      `irqloom_campaign_jobs{state="failed"} ${jobs.failed}`,
    ]),
    ...family('irqloom_campaign_tries_again', 'counter', 'Tries of jobs beyond the first.', [
      `irqloom_campaign_tries_again_total ${jobs.retried}`,
    ]),
    ...family(
      'irqloom_campaign_schedules',
      'counter',
      'Schedules, or stress runs, of each item.',
      by((item) => item.schedules, 'irqloom_campaign_schedules_total'),
    ),
    ...family(
      'irqloom_campaign_causes',
      'gauge',
      'Ways in which each item fails.',
      by((item) => item.failures.length, 'irqloom_campaign_causes'),
    ),
    ...family(
      'irqloom_campaign_done_ratio',
      'gauge',
      'Share of each item that is done, where that can be told.',
      items
        .filter(({ fraction }) => fraction !== null)
        .map(({ name, fraction }) => `irqloom_campaign_done_ratio{item="${label(name)}"} ${fraction}`),
    ),
    ...family(
      'irqloom_campaign_worker_jobs',
      'counter',
      'Jobs that each worker has done.',
      workers.map(
        ({ name, jobs: done }) => `irqloom_campaign_worker_jobs_total{worker="${label(name)}"} ${done}`,
      ),
    ),
    ...family(
      'irqloom_campaign_worker_threads',
      'gauge',
      'Threads of each worker that do jobs.',
      workers.map(({ name, slots }) => `irqloom_campaign_worker_threads{worker="${label(name)}"} ${slots}`),
    ),
    '# EOF',
  ];
  return `${lines.join('\n')}\n`;
}
