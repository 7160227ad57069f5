import type { ScalePoint, ScaleResult, Sweep } from '../measuring/index.ts';
import { SWEEPS } from '../measuring/scale/scale-result.ts';
import { logTime } from './html/axis.ts';
import { calibrationCard, calibrationTiles } from './html/calibration.ts';
import { tableCard } from './html/figure.ts';
import { lineChart } from './html/line-chart.ts';
import { page } from './html/page.ts';
import { SWEEP_NAMES } from './scale-text.ts';
import { count, plural, rate, time } from './units.ts';

/** The report of `irqloom scale`: one HTML file. */
export function scaleHtml(result: ScaleResult): string {
  const { config, points, calibration } = result;
  const { base, cores } = config;
  const best = [...points].sort((a, b) => b.deliveredPerSecond - a.deliveredPerSecond)[0];
  return page({
    title: 'How the machine scales',
    text: `Throughput and latency by size, on ${plural(cores, 'core')}. Each sweep varies one thing; the others are ${plural(base.vcpus, 'vCPU')}, ${plural(base.devices, 'device')} and ${plural(base.lpis, 'LPI')}. Each device keeps each of its LPIs on its way.`,
    verdict: calibration.steady
      ? { kind: 'good', text: 'Steady: the machine was the same before and after' }
      : { kind: 'warn', text: 'Unsteady: the machine was not the same before and after; compare with care' },
    tiles: [
      ...(best
        ? [
            {
              name: 'Most delivered',
              value: rate(best.deliveredPerSecond),
              more: `${plural(best.vcpus, 'vCPU')}, ${plural(best.devices, 'device')}, ${plural(best.lpis, 'LPI')}`,
            },
          ]
        : []),
      ...calibrationTiles(result.clock, calibration),
    ],
    parts: [
      ...SWEEPS.map((sweep) => ({
        title: `By the number of ${SWEEP_NAMES[sweep]}`,
        cards: sweepCards(
          sweep,
          points.filter((point) => point.sweep === sweep),
        ),
      })),
      {
        title: 'All sizes',
        cards: [
          tableCard(
            'sizes',
            'Measurements',
            'LPIs beyond the GSIs that KVM has are signalled by KVM_SIGNAL_MSI.',
            {
              narrow: ['vCPUs', 'devices', 'LPIs', 'delivered', 'p99'],
              head: ['varied', 'vCPUs', 'devices', 'LPIs', 'by', 'delivered', 'p50', 'p99', 'p99.9', 'max'],
              rows: points.map(({ sweep, vcpus, devices, lpis, via, deliveredPerSecond, latencyNs: ns }) => [
                SWEEP_NAMES[sweep],
                count(vcpus),
                count(devices),
                count(lpis),
                via,
                rate(deliveredPerSecond),
                time(ns.p50),
                time(ns.p99),
                time(ns.p999),
                time(ns.max),
              ]),
            },
          ),
        ],
      },
      { title: 'Calibration', cards: [calibrationCard(result.clock, calibration)] },
    ],
    notes: [
      `irqloom scale, ${config.seconds} s a size, dispatch ${config.dispatch}, ${plural(cores, 'core')}, Node ${config.node}.`,
    ],
  });
}

function sweepCards(sweep: Sweep, points: readonly ScalePoint[]): string[] {
  if (points.length === 0) return [];
  const name = SWEEP_NAMES[sweep];
  /** A size at which nothing was delivered has no latency. */
  const over = (read: (point: ScalePoint) => number | null) =>
    points.flatMap((point) => {
      const value = read(point);
      return value === null ? [] : [[point[sweep], value] as const];
    });
  const shared = { xName: name, xText: count, doubling: true };
  return [
    lineChart({
      ...shared,
      id: `${sweep}-rate`,
      title: 'Delivered',
      text: `Interrupts delivered each second, by the number of ${name}. Higher is better.`,
      lines: [{ name: 'delivered', points: over((point) => point.deliveredPerSecond) }],
      yText: rate,
    }),
    lineChart({
      ...shared,
      id: `${sweep}-latency`,
      title: 'Signal to handler',
      text: `Latency by the number of ${name}, on a logarithmic scale. Lower is better; with all LPIs on their way at once the latency is mostly a wait for the others.`,
      lines: [
        { name: 'p50', points: over(({ latencyNs }) => latencyNs.p50) },
        { name: 'p99', points: over(({ latencyNs }) => latencyNs.p99) },
      ],
      yText: time,
      yAxis: logTime,
    }),
  ];
}
