import type { CompareResult, DesignResult, UpdateRow } from '../debate/index.ts';
import { DESIGN_NAMES, type DesignName } from '../vmm/design.ts';
import { compareFindings } from './compare-findings.ts';
import { fateRows } from './compare-text.ts';
import { logTime } from './html/axis.ts';
import { calibrationCard, calibrationTiles } from './html/calibration.ts';
import { tableCard } from './html/figure.ts';
import { markOf } from './html/frame.ts';
import { lineChart } from './html/line-chart.ts';
import { escaped } from './html/markup.ts';
import { page } from './html/page.ts';
import { type Range, rangeChart } from './html/range-chart.ts';
import { count, factor, plural, rate, time } from './units.ts';

/** The report of a comparison: one HTML file. */
export function compareHtml(result: CompareResult): string {
  const { config, designs, noise, clock, calibration } = result;
  const broken = designs.filter(({ dispatch: { main, inline } }) => main.violations + inline.violations > 0);
  return page({
    title: 'The designs of the debate, compared',
    text: `${plural(config.devices, 'device thread')} of ${plural(config.events, 'event')} signalled ${plural(config.vcpus, 'vCPU')} under ${plural(designs.length, 'design')}, dispatched inline and by the main thread.`,
    verdict:
      broken.length === 0
        ? calibration.steady
          ? { kind: 'good', text: 'Every signal was followed by its delivery, in every design' }
          : {
              kind: 'warn',
              text: 'Every signal was followed by its delivery, but the machine was unsteady: compare times with care',
            }
        : { kind: 'bad', text: `${broken.map(({ name }) => name).join(', ')} lost or doubled signals` },
    tiles: [
      ...(noise
        ? [
            {
              name: 'One design, twice',
              value: factor(noise.inline.latency),
              more: `apart in latency at most, ${factor(noise.inline.rate)} in rate, inline`,
            },
          ]
        : []),
      ...calibrationTiles(clock, calibration),
    ],
    parts: [
      {
        title: 'Findings',
        cards: [findingsCard(compareFindings(result))],
      },
      {
        title: 'Latency and rate',
        text: 'The dot is the median, the bar ends where 99 % are done. The grey stroke is half a round trip of two threads that sleep.',
        cards: [
          rangeChart(
            'latency',
            'Signal to handler',
            'One signal at a time; each mark of the axis is ten times the one before.',
            (['inline', 'main'] as const).map((how) => ({
              name:
                how === 'inline' ? 'Dispatched in the signalling thread' : 'Dispatched by the main thread',
              rows: designs
                .flatMap(({ name, dispatch }) => rangeOf(name, dispatch[how]))
                .map((row) => ({ ...row, yardstick: calibration.parkNs.p50 / 2 })),
            })),
            [],
          ),
          tableCard('rates', 'Rates', 'All sources signal together and are awaited: none coalesces.', {
            head: ['design', 'ends in', 'inline', 'main'],
            rows: designs.map(({ name, eventsAs, dispatch }) => [
              name,
              eventsAs.toUpperCase(),
              rate(dispatch.inline.perSecond),
              rate(dispatch.main.perSecond),
            ]),
          }),
        ],
      },
      {
        title: 'The cost of a change',
        text: 'One vector of many is changed, in one thread, without other work.',
        cards: [
          updateChart(
            'reroute',
            'A new message',
            'A whole table where there is one, else two calls.',
            designs,
            (row) => row.reroute.us,
          ),
          updateChart(
            'mask-irqfd',
            'Masked and unmasked by its irqfd',
            'As QEMU does.',
            designs,
            (row) => row.maskByIrqFd.us,
          ),
          updateChart(
            'mask-route',
            'Masked and unmasked by its route',
            'As firecracker and cloud-hypervisor do: two tables.',
            designs,
            (row) => row.maskByRoute?.us,
          ),
        ],
      },
      {
        title: 'The fate of signals meanwhile',
        cards: [
          tableCard(
            'fates',
            'At each of some moments of the change',
            'Exact: one thread does both, step by step.',
            {
              narrow: ['design', 'change', 'lost', 'late'],
              head: ['design', 'change', 'moments', 'old', 'new', 'lost', 'late', 'in the gap'],
              rows: designs.flatMap(fateRows),
            },
          ),
        ],
      },
      {
        title: 'The parts of a design',
        cards: [
          tableCard(
            'injection',
            'One inline injection',
            'Shared operations; loads where the irqfd does not remember the LPI and goes by its route; time with the taking.',
            {
              narrow: ['design', 'loads', 'updates', 'time'],
              head: ['design', 'loads', 'stores', 'updates', 'words', 'lines', 'by route', 'time'],
              rows: designs.map(({ name, injection: i, byRoute }) => [
                name,
                ...[i.loads, i.stores, i.updates, i.words, i.lines, byRoute.loads].map(String),
                time(i.ns),
              ]),
            },
          ),
          tableCard('memory', 'Bytes of a source', 'In shared memory; the route is part of the irqfd.', {
            head: ['design', 'route', 'table', 'irqfd', 'eventfd'],
            rows: designs.map(({ name, memory: m }) => [
              name,
              ...[m.route, m.table, m.irqfd, m.eventfd].map(String),
            ]),
          }),
          tableCard('names', 'Names that each party must know', 'Of an interrupt that an irqfd injects.', {
            head: ['design', 'guest', 'userland', 'kernel', 'device'],
            rows: designs.map(({ name, names: n }) => [
              name,
              ...[n.guest, n.userland, n.kernel, n.device].map((kinds) => kinds.join(', ') || '–'),
            ]),
          }),
          tableCard('designs', 'The designs', 'By the letters of the debate.', {
            head: ['letter', 'design', 'what', 'status'],
            rows: designs.map(({ letter, name, title, status }) => [letter, name, title, status]),
          }),
        ],
      },
      { title: 'Calibration', cards: [calibrationCard(clock, calibration)] },
    ],
    notes: [
      `irqloom compare, ${plural(config.cores, 'core')}, Node ${config.node}, ${time(result.seconds * 1e9)}. A design has the same colour in every picture.`,
    ],
  });
}

/** Sentences, which a table would not break. */
function findingsCard(findings: readonly string[]): string {
  const items = findings.map((finding) => `<li>${escaped(finding)}</li>`);
  return `<section class="card wide" id="findings"><h3>For the debate</h3><p>Each sentence follows from the figures of this run.</p><ol>${items.join('')}</ol></section>`;
}

const colourOf = (name: DesignName) => markOf(DESIGN_NAMES.indexOf(name));

/** None for a design of which nothing was measured. */
function rangeOf(name: DesignName, { latencyNs }: DesignResult['dispatch']['main']): Range[] {
  const { p50, p99, max } = latencyNs;
  return p50 === null || p99 === null || max === null ? [] : [{ name, mark: colourOf(name), p50, p99, max }];
}

function updateChart(
  id: string,
  title: string,
  text: string,
  designs: readonly DesignResult[],
  of: (row: UpdateRow) => number | undefined,
): string {
  const lines = designs.flatMap(({ name, updates }) => {
    const points = updates.flatMap((row): [number, number][] => {
      const us = of(row);
      return us === undefined ? [] : [[row.vectors, us * 1000]];
    });
    return points.length === 0 ? [] : [{ name, mark: colourOf(name), points }];
  });
  return lines.length === 0
    ? ''
    : lineChart({
        id,
        title,
        text,
        lines,
        xName: 'vectors',
        xText: count,
        yText: time,
        doubling: true,
        yAxis: logTime,
      });
}
