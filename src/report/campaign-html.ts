import type { CampaignResult, ItemResult } from '../campaign/index.ts';
import { progressOf, stateText } from './campaign-text.ts';
import { tableCard } from './html/figure.ts';
import { page } from './html/page.ts';
import { count, plural, time } from './units.ts';

/** A campaign as a page: its progress, its failures, its workers. Drawn anew each time where the page is live. */
export function campaignHtml(result: CampaignResult): string {
  const { name, items, jobs, workers, seconds, state } = result;
  const failing = items.filter(({ verdict }) => verdict === 'fail');
  const open = jobs.total - jobs.done - jobs.failed;
  const passed = items.every(({ verdict }) => verdict === 'pass');
  return page({
    title: `Campaign ${name}`,
    text: `${stateText(result)}.`,
    verdict:
      failing.length > 0
        ? { kind: 'bad', text: `${count(failing.length)} of ${plural(items.length, 'item')} failing` }
        : state === 'open'
          ? { kind: 'warn', text: 'No failure so far' }
          : passed
            ? { kind: 'good', text: `${plural(items.length, 'item')} passed` }
            : { kind: 'warn', text: 'No failure, and not every item has an answer' },
    tiles: [
      { name: 'jobs done', value: count(jobs.done), more: `${count(open)} open` },
      { name: 'given up', value: count(jobs.failed), more: `${count(jobs.retried)} tried again` },
      { name: 'schedules and runs', value: count(items.reduce((sum, each) => sum + each.schedules, 0)) },
      { name: 'threads at work', value: count(workers.reduce((sum, each) => sum + each.busy, 0)) },
      { name: 'time', value: time(seconds * 1e9) },
    ],
    parts: [
      { title: 'Failures', cards: failing.map(failureCard) },
      { title: 'Items', cards: [itemsCard(items)] },
      { title: 'Jobs given up', cards: problemsCard(items) },
      { title: 'Workers', cards: [workersCard(workers)] },
    ],
    notes: ['irqloom campaign.'],
  });
}

function failureCard({ name, failures }: ItemResult, index: number): string {
  return tableCard(
    `failures-${index}`,
    name,
    'One line for each way to fail, with the token of the smallest failure.',
    {
      copies: 'token',
      head: ['times', 'preemptions', 'cause', 'token'],
      rows: failures.map(({ times, preemptions, cause, token }) => [
        count(times),
        String(preemptions),
        cause,
        token,
      ]),
    },
  );
}

function itemsCard(items: readonly ItemResult[]): string {
  return tableCard('items', 'Progress', 'Shares are estimates until an item is done.', {
    narrow: ['item', 'verdict', 'done', 'schedules'],
    head: ['item', 'verdict', 'done', 'schedules', 'causes', 'coverage'],
    rows: items.map((item) => [
      item.name,
      item.verdict,
      progressOf(item),
      count(item.schedules),
      String(item.failures.length),
      item.coverage?.statement ?? latency(item),
    ]),
  });
}

function latency({ stress }: ItemResult): string {
  if (stress === undefined) return '–';
  const { p50, p99 } = stress.latencyNs;
  return `${count(stress.delivered)} delivered, median ${time(p50)}, p99 ${time(p99)}`;
}

function problemsCard(items: readonly ItemResult[]): string[] {
  const rows = items.flatMap(({ name, problems }) => problems.map(({ does, error }) => [name, does, error]));
  if (rows.length === 0) return [];
  return [
    tableCard('problems', 'No answer', 'Each was tried three times.', { head: ['item', 'job', 'why'], rows }),
  ];
}

function workersCard(workers: CampaignResult['workers']): string {
  return tableCard('workers', 'Workers of the jobs', 'A worker without threads has gone.', {
    head: ['worker', 'threads', 'at work', 'jobs', 'time a job'],
    rows: workers.map(({ name, slots, busy, jobs, seconds, refuses }) => [
      refuses === undefined ? name : `${name} (refuses: ${refuses})`,
      String(slots),
      String(busy),
      count(jobs),
      jobs === 0 ? '–' : time((seconds / jobs) * 1e9),
    ]),
  });
}
