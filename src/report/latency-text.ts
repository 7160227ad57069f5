import type { LatencyResult, PathResult } from '../measuring/index.ts';
import { pathName } from '../measuring/latency/latency-result.ts';
import { calibrationLines } from './calibration-text.ts';
import { ownLines } from './own-text.ts';
import { table } from './table.ts';
import { count, factor, plural, time } from './units.ts';

/** The result of a latency measurement as text for people. */
export function latencyText(result: LatencyResult): string {
  const { config, paths } = result;
  const { vcpus, devices, background, others, rate, handlerNs, samples, boots } = config;
  const how = rate > 0 ? `at ${count(rate)} signals/s, corrected for coordinated omission` : 'closed loop';
  const beside = background === 'none' ? '' : `; beside them ${plural(others, 'vCPU')} ${background}`;
  const work = handlerNs > 0 ? `; handlers run ${time(handlerNs)}` : '';
  const lines = [
    `${plural(vcpus, 'vCPU')}, ${plural(devices, 'device')}; ${how}; ${count(samples)} signals a path, on ${plural(boots, 'machine')} in turn${beside}${work}`,
    ...ownLines(config),
    '',
    'signal to handler',
    table(
      ['source', 'dispatch', 'vCPU', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max', '× calibration'],
      paths.map(({ source, dispatch, waiting, count: n, latencyNs: ns, ratio }) => [
        source,
        dispatch,
        waiting,
        count(n),
        time(ns.p50),
        time(ns.p90),
        time(ns.p99),
        time(ns.p999),
        time(ns.max),
        factor(ratio.toCalibration),
      ]),
      [3, 5, 8, 7, 9, 6],
    ),
    ...uncorrectedLines(paths),
    '',
    'where the time goes, half of the signals (each stage from the stage before)',
    table(
      [
        'source',
        'dispatch',
        'vCPU',
        'routed',
        'pending',
        'woken',
        'acknowledged',
        'handled',
        'EOI',
        'stamping',
      ],
      paths.map(({ source, dispatch, waiting, stagesNs: ns, staged }) => [
        source,
        dispatch,
        waiting,
        time(ns.routed.p50),
        time(ns.pending.p50),
        time(ns.woken.p50),
        time(ns.acknowledged.p50),
        time(ns.handled.p50),
        time(ns.ended.p50),
        signedTime(staged.stampingNs),
      ]),
      [9, 8],
    ),
    `a stamp costs ${time(result.stampNs)}; "stamping" is how much longer the median was while stages were stamped`,
    '',
    ...calibrationLines(result.clock, result.calibration),
    ...unpairedLines(paths),
  ];
  return `${lines.join('\n')}\n`;
}

function uncorrectedLines(paths: readonly PathResult[]): string[] {
  const rows = paths.flatMap((path) => {
    const ns = path.uncorrectedNs;
    return ns ? [[pathName(path), time(ns.p50), time(ns.p99), time(ns.p999), time(ns.max)]] : [];
  });
  if (rows.length === 0) return [];
  return ['', 'not corrected', table(['path', 'p50', 'p99', 'p99.9', 'max'], rows)];
}

function unpairedLines(paths: readonly PathResult[]): string[] {
  const unpaired = paths.reduce((sum, path) => sum + path.unpaired, 0);
  return unpaired === 0 ? [] : [`${plural(unpaired, 'signal')} left out: stamps did not fit together`];
}

function signedTime(ns: number | null): string {
  if (ns === null) return '–';
  return ns < 0 ? `-${time(-ns)}` : `+${time(ns)}`;
}
