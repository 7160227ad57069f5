import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import type { StressDetail } from '../scenarios/stress/detail.ts';
import { held, type StressResult } from '../scenarios/stress/result.ts';
import { tableCard } from './html/figure.ts';
import { histogramChart } from './html/histogram-chart.ts';
import { lineChart } from './html/line-chart.ts';
import { type Page, type Part, page } from './html/page.ts';
import { percentileChart } from './html/percentile-chart.ts';
import { count, plural, rate, size, time } from './units.ts';

/** A moment of the run: totals so far. */
export type StressMoment = {
  readonly seconds: number;
  readonly injected: number;
  readonly delivered: number;
};

/** With more vCPUs than colours, all are drawn as one. */
const COLOURS = 8;
const VIOLATIONS_SHOWN = 50;

/** The report of a stress run: one HTML file. */
export function stressHtml(
  result: StressResult,
  detail: StressDetail,
  moments: readonly StressMoment[],
): string {
  const { config, latencyNs } = result;
  const ok = held(result);
  const series = seriesOf(detail);
  const given: Page = {
    title: ok ? 'Nothing was lost' : 'The machine broke its promises',
    text: `${plural(config.devices, 'device thread')} signalled ${plural(config.vcpus, 'vCPU')} through ${plural(config.events, 'event')} and ${plural(config.spis, 'wire')} for ${time(result.seconds * 1e9)}, dispatched ${config.dispatch === 'main' ? 'by the main thread' : 'inline'}, with ${config.churn === 'none' ? 'no' : config.churn} changes meanwhile.`,
    verdict: ok
      ? { kind: 'good', text: 'Every signal was followed by its delivery' }
      : {
          kind: 'bad',
          text: `lost ${count(result.lost)}, misrouted ${count(result.misrouted)}, spurious ${count(result.spurious)}, stranded ${count(result.stranded)}`,
        },
    tiles: [
      { name: 'Injected', value: rate(result.injectedPerSecond), more: `${count(result.injected)} signals` },
      {
        name: 'Delivered',
        value: rate(result.deliveredPerSecond),
        more: `${count(result.delivered)} interrupts`,
      },
      { name: 'Coalesced', value: count(result.coalesced), more: 'covered by a delivery already asked for' },
      { name: 'Signal to handler', value: time(latencyNs.p50), more: 'half of them' },
      { name: '99 % within', value: time(latencyNs.p99), more: `max ${time(latencyNs.max)}` },
    ],
    parts: [
      ...violationPart(result),
      {
        title: 'Signal to handler',
        text: 'A signal that found an earlier one waiting is not timed.',
        cards: [
          percentileChart(
            'percentiles',
            'Percentiles',
            'Latency by percentile, both axes logarithmic.',
            series,
          ),
          histogramChart(
            'histogram',
            'Histogram',
            'Each row is scaled to its tallest bar; the dashed stroke is the median.',
            series,
          ),
        ],
      },
      {
        title: 'Time line',
        cards: [
          rateChart('injected', 'Signals that devices gave', moments, ({ injected }) => injected),
          rateChart('delivered', 'Interrupts that vCPUs took', moments, ({ delivered }) => delivered),
        ],
      },
      {
        title: 'Shares',
        cards: [
          tableCard('vcpus', 'vCPUs', 'What each took, and how it waited.', {
            head: ['vCPU', 'delivered', 'rate', 'halts', 'poll hits', 'p50', 'p99', 'p99.9', 'max'],
            rows: result.vcpus.map(({ vcpu, delivered, halts, pollHits, latencyNs: ns }) => [
              String(vcpu),
              count(delivered),
              rate(delivered / result.seconds),
              count(halts),
              count(pollHits),
              time(ns.p50),
              time(ns.p99),
              time(ns.p999),
              time(ns.max),
            ]),
          }),
          tableCard('devices', 'Devices', 'What each signalled, and what became of it.', {
            head: ['device', 'sources', 'injected', 'delivered', 'coalesced'],
            rows: result.devices.map(({ name, sources, injected, delivered, coalesced }) => [
              name,
              count(sources),
              count(injected),
              count(delivered),
              count(coalesced),
            ]),
          }),
          tableCard('churn', 'Meanwhile', 'What the driver thread changed while everything ran.', {
            head: ['change', 'times'],
            rows: Object.entries(result.churn).map(([name, n]) => [name, count(n)]),
          }),
        ],
      },
    ],
    notes: [
      `irqloom stress, seed ${config.seed}, ${config.source === 'synthetic' ? 'a synthetic topology' : `recorded guest ${config.source}`}; ${size(result.sharedBytes)} shared, threads ready in ${time(result.bootMs * 1e6)}.`,
    ],
  };
  return page(given);
}

function seriesOf({ vcpus }: StressDetail) {
  if (vcpus.length <= COLOURS)
    return vcpus.map(({ latency }, vcpu) => ({ name: `vCPU ${vcpu}`, distribution: latency }));
  const all = new Distribution(LATENCY);
  for (const { latency } of vcpus) all.merge(latency);
  return [{ name: 'all vCPUs', distribution: all }];
}

function rateChart(
  id: string,
  title: string,
  moments: readonly StressMoment[],
  read: (moment: StressMoment) => number,
): string {
  const points = moments.map((moment, index) => {
    const before = moments[index - 1];
    const seconds = moment.seconds - (before?.seconds ?? 0);
    return [moment.seconds, (read(moment) - (before ? read(before) : 0)) / seconds] as const;
  });
  return lineChart({
    id,
    title,
    text: 'Each second, over the run.',
    lines: [{ name: id, points }],
    xName: 'time',
    xText: (seconds) => `${Number(seconds.toFixed(2))} s`,
    yText: rate,
  });
}

function violationPart({ violations }: StressResult): Part[] {
  if (violations.length === 0) return [];
  return [
    {
      title: 'Violations',
      cards: [
        tableCard('violations', 'The first ones', 'By all the names that the source has.', {
          head: ['what', 'device', 'DevID', 'EvID', 'GSI', 'INTID', 'vCPU', 'signals', 'seen'],
          rows: violations
            .slice(0, VIOLATIONS_SHOWN)
            .map(({ kind, device, deviceId, eventId, gsi, intid, vcpu, sent, seen }) => [
              kind,
              device,
              ...[deviceId, eventId, gsi, intid, vcpu].map((n) => (n < 0 ? '–' : String(n))),
              String(sent),
              String(seen),
            ]),
        }),
      ],
    },
  ];
}
