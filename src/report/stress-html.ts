import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import type { ChurnCount, StressDetail, StressResult } from '../stress/index.ts';
import { held } from '../stress/stress-result.ts';
import { tableCard } from './html/figure.ts';
import { histogramChart } from './html/histogram-chart.ts';
import { lineChart } from './html/line-chart.ts';
import { type Page, type Part, page } from './html/page.ts';
import { percentileChart } from './html/percentile-chart.ts';
import { pairsMap } from './stress-pairs.ts';
import { count, plural, rate, size, time } from './units.ts';

const DISPATCHED = {
  main: 'by the main thread',
  inline: 'inline',
  both: 'inline and by the main thread in turn',
} as const;

/** A moment of the run: totals so far. */
export type StressMoment = {
  readonly seconds: number;
  readonly injected: number;
  readonly delivered: number;
};

/** With more vCPUs than colours, all are drawn as one. */
const COLOURS = 8;
const VIOLATIONS_SHOWN = 20;
const CHURN_NAMES: Readonly<Record<ChurnCount, string>> = {
  moves: 'moves to another vCPU',
  routeUpdates: 'route updates',
  masks: 'vectors masked and unmasked',
  configs: 'LPIs disabled and enabled',
  remaps: 'events mapped anew',
  collections: 'collections moved, with all their LPIs',
  sharedLpis: 'LPIs that a second event mapped for a while',
  toggles: 'SPIs disabled and enabled',
  priorities: 'priorities changed',
  raises: 'interrupts made pending by INT or ISPENDR',
  switches: 'distributor, ITS or LPIs turned off and on',
  swaps: 'events mapped anew while their devices signalled',
};
/** Points of a time line. */
const MOST_STEPS = 240;

/** The report of a stress run: one HTML file. */
export function stressHtml(
  result: StressResult,
  detail: StressDetail,
  moments: readonly StressMoment[],
): string {
  const { config, latencyNs } = result;
  const ok = held(result);
  const series = seriesOf(detail);
  const steps = stepsOf(moments);
  const given: Page = {
    title: ok ? 'Nothing was lost' : 'The machine broke its promises',
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
        cards: [
          rateChart('injected', 'Signals that devices gave', steps, ({ injected }) => injected),
          rateChart('delivered', 'Interrupts that vCPUs took', steps, ({ delivered }) => delivered),
        ],
      },
      {
        title: 'Shares',
        cards: [
          ...(config.vcpus * config.devices > 1 ? [pairsMap(result)] : []),
          tableCard(
            'devices',
            'Devices',
            'What each signalled, and what became of it.',
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
          tableCard('churn', 'Meanwhile', 'What the driver thread changed while everything ran.', {
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

/** What of the machine was met; the windows are those that no thread was stopped in, for there a run has least to say. */
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

/**
 * The moments whose rates are worth a point: those that come sooner after the one before than half of what is usual, and
 * all that are more than a line can show, are left out, so their signals count in the step that follows. A step at the
 * end that is too short for a rate becomes part of the one before it.
 */
export function stepsOf(moments: readonly StressMoment[]): StressMoment[] {
  const last = moments.at(-1);
  if (!last) return [];
  const lengths = moments.map(({ seconds }, index) => seconds - (moments[index - 1]?.seconds ?? 0));
  const usual = [...lengths].sort((a, b) => a - b)[Math.floor(lengths.length / 2)] ?? 0;
  const least = Math.max(usual / 2, last.seconds / MOST_STEPS);
  const steps: StressMoment[] = [];
  for (const moment of moments)
    if (moment.seconds - (steps.at(-1)?.seconds ?? 0) >= least) steps.push(moment);
  if (steps.at(-1) === last) return steps;
  steps.splice(-1, 1, last);
  return steps;
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
    text: 'As a rate, step by step over the run.',
    lines: [{ name: id, points }],
    xName: 'time',
    xText: (seconds) => `${Number(seconds.toFixed(2))} s`,
    yText: rate,
  });
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
        tableCard('violations', 'What was broken', text, {
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
