import type { ScaleResult } from '../measuring/index.ts';
import { calibrationLines } from './calibration-text.ts';
import { ownLines } from './own-text.ts';
import { table } from './table.ts';
import { count, rate, time } from './units.ts';

/** Names of the varied sizes. */
export const SWEEP_NAMES = { vcpus: 'vCPUs', devices: 'devices', lpis: 'LPIs' } as const;

/** The result of `irqloom scale` as text for people. */
export function scaleText(result: ScaleResult): string {
  const { config, points } = result;
  const { base } = config;
  const lines = [
    `${count(config.cores)} cores; each size ${config.seconds} s, dispatch ${config.dispatch}; base ${count(base.vcpus)} vCPUs, ${count(base.devices)} devices, ${count(base.lpis)} LPIs`,
    ...ownLines(config),
    '',
    table(
      [
        'varied',
        'vCPUs',
        'devices',
        'LPIs',
        'by',
        'delivered',
        'p50',
        'p99',
        'p99.9',
        'max',
        '× calibration',
      ],
      points.map((point) => [
        SWEEP_NAMES[point.sweep],
        count(point.vcpus),
        count(point.devices),
        count(point.lpis),
        point.via,
        rate(point.deliveredPerSecond),
        time(point.latencyNs.p50),
        time(point.latencyNs.p99),
        time(point.latencyNs.p999),
        time(point.latencyNs.max),
        point.ratio.toCalibration.toFixed(3),
      ]),
      [4, 9, 8, 10, 7, 6],
    ),
    ...points.flatMap(({ asked, lpis, sweep }) =>
      sweep === 'lpis' && asked !== lpis
        ? [`${count(asked)} LPIs were asked for: INTIDs have room for ${count(lpis)}`]
        : [],
    ),
    '"× calibration": deliveries beside the messages that one thread can send another, one each half of a spinning round trip',
    '',
    ...calibrationLines(result.clock, result.calibration),
  ];
  return `${lines.join('\n')}\n`;
}
