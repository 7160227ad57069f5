import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import type { ChurnCount, StressDetail, StressResult } from '../stress/index.ts';
import { held } from '../stress/stress-result.ts';
import { tableCard } from './html/figure.ts';
import { histogramChart } from './html/histogram-chart.ts';
import { type Page, type Part, page } from './html/page.ts';
import { percentileChart } from './html/percentile-chart.ts';
import { pairsMaps } from './stress-pairs.ts';
import { CHURN_NAMES, type StressMoment, timeLine } from './stress-time-line.ts';
import { count, plural, rate, size, time } from './units.ts';

const DISPATCHED = {
  main: 'by the main thread',
  inline: 'inline',
  both: 'inline and by the main thread in turn',
} as const;

/** With more vCPUs than colours, all are drawn as one. */
const COLOURS = 8;
const VIOLATIONS_SHOWN = 20;

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
    title: ok ? 'No interrupt was lost' : 'The machine broke its promises',
    text: `${plural(config.devices, 'device thread')} signalled ${plural(config.vcpus, 'vCPU')} through ${plural(config.events, 'event')} and ${plural(config.spis, 'wire')} for ${time(result.seconds * 1e9)}, dispatched ${DISPATCHED[config.dispatch]}, with ${config.churn === 'none' ? 'no' : config.churn} changes meanwhile.`,
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
      { name: 'Signal to handler', value: time(latencyNs.p50), more: 'the median' },
      { name: '99 % within', value: time(latencyNs.p99), more: `max ${time(latencyNs.max)}` },
    ],
    parts: [
      ...violationPart(result),
      ...rulesPart(result),
      ...programsPart(result),
      {
        title: 'Signal to handler',
        text: `${result.stampEvery > 1 ? `One of ${result.stampEvery} signals of each source is timed. ` : ''}A signal that found an earlier one waiting is not timed.`,
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
        text: 'Step by step over the run. Strokes are moments in which a promise was seen to be broken, or in which the driver let all come to rest.',
        cards: timeLine(moments),
      },
      {
        title: 'Shares',
        cards: [
          ...(config.vcpus * config.devices > 1 ? pairsMaps(result) : []),
          tableCard(
            'devices',
            'Devices',
            'The signals of each device, and their fate.',
            {
              head: ['device', 'sources', 'injected', 'delivered', 'coalesced'],
              rows: result.devices.map(({ name, sources, injected, delivered, coalesced }) => [
                name,
                count(sources),
                count(injected),
                count(delivered),
                count(coalesced),
              ]),
            },
            true,
          ),
          tableCard('vcpus', 'vCPUs', 'The interrupts of each vCPU, and how the vCPU waited.', {
            narrow: ['vCPU', 'delivered', 'p50', 'p99'],
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
          tableCard('churn', 'Meanwhile', 'The changes of the driver thread while devices and vCPUs ran.', {
            head: ['change', 'times'],
            rows: Object.entries(CHURN_NAMES).map(([name, text]) => [
              text,
              count(result.churn[name as ChurnCount]),
            ]),
          }),
        ],
      },
      ...coverageParts(result),
    ],
    notes: [
      `irqloom stress, seed ${config.seed}, design ${config.abi}, churn ${config.churn}, delays ${config.perturb}, fault ${config.fault}; ${config.source === 'synthetic' ? 'a synthetic topology' : `recorded guest ${config.source}`}; ${size(result.sharedBytes)} shared, threads ready in ${time(result.bootMs * 1e6)}.`,
    ],
  };
  return page(given);
}

/**
 * The parts of the machine that the run met. Of the windows, the card lists those in which no thread was stopped: of these a run
 * proves least.
 */
function coverageParts({ coverage }: StressResult): Part[] {
  if (!coverage) return [];
  const { commands, registers, transitions, windows } = coverage;
  const passed = windows.filter(({ stopped }) => !stopped);
  const list = (id: string, title: string, text: string, head: string, rows: readonly string[]) =>
    tableCard(id, title, text, { head: [head], rows: rows.map((row) => [row]) }, true);
  const part: Part = {
    title: 'Coverage of the machine',
    cards: [
      tableCard(
        'commands',
        'ITS commands',
        'Those that the driver sent while devices signalled.',
        { head: ['command', 'times'], rows: Object.entries(commands).map(([name, n]) => [name, count(n)]) },
        true,
      ),
      list('registers', 'Registers', 'Those of the GIC that the driver wrote.', 'register', registers),
      list(
        'transitions',
        `${count(transitions.length)} transitions`,
        'Changes of the flags of an interrupt, before and after.',
        'change',
        transitions,
      ),
      list(
        'windows',
        `${count(windows.length)} windows of protocols`,
        `Two steps that a thread made one after the other. In ${count(windows.length - passed.length)} of them a thread was stopped; these are the others.`,
        'window',
        passed.map(({ window }) => window),
      ),
    ],
  };
  return [part];
}

function seriesOf({ vcpus }: StressDetail) {
  if (vcpus.length <= COLOURS)
    return vcpus.map(({ latency }, vcpu) => ({ name: `vCPU ${vcpu}`, distribution: latency }));
  const all = new Distribution(LATENCY);
  for (const { latency } of vcpus) all.merge(latency);
  return [{ name: 'all vCPUs', distribution: all }];
}

function rulesPart({ rules }: StressResult): Part[] {
  if (!rules || rules.broken === 0) return [];
  const text = `Looked at ${plural(rules.looks, 'time')} with all at rest; broken ${plural(rules.broken, 'time')}.`;
  const rows = rules.breaches.map((breach) => {
    const end = breach.indexOf(': ');
    return [breach.slice(0, end), breach.slice(end + 2)];
  });
  const card = tableCard('rules', 'Rules that were broken', text, { head: ['rule', 'breach'], rows });
  return [{ title: 'Rules at rest', cards: [card] }];
}

function programsPart({ programs }: StressResult): Part[] {
  const failure = programs?.failure;
  if (!failure) return [];
  const text = `${failure.kind}: ${failure.message}`;
  const rows = failure.threads.map((thread) => {
    const end = thread.indexOf(': ');
    return end < 0 ? [thread, ''] : [thread.slice(0, end), thread.slice(end + 2)];
  });
  const card = tableCard('program', `${failure.program} failed`, text, { head: ['thread', 'calls'], rows });
  return [{ title: 'Programs drawn for a small machine', cards: [card] }];
}

function violationPart({ violations, lost, misrouted, spurious, stranded }: StressResult): Part[] {
  if (violations.length === 0) return [];
  const all = lost + misrouted + spurious + stranded;
  const shown = Math.min(VIOLATIONS_SHOWN, violations.length);
  const text = `By all the names that the source has.${shown < all ? ` The first ${shown} of ${count(all)}.` : ''}`;
  return [
    {
      title: 'Violations',
      cards: [
        tableCard('violations', 'Broken rules', text, {
          narrow: ['what', 'device', 'INTID', 'vCPU'],
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
