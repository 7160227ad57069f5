import type { LatencyPictures, LatencyResult, Path, PathResult } from '../measuring/index.ts';
import { SIGNALS, STRETCHES, WAITINGS } from '../measuring/latency/latency-result.ts';
import { calibrationCard, calibrationTiles } from './html/calibration.ts';
import { dotChart } from './html/dot-chart.ts';
import { markOf } from './html/frame.ts';
import { heatMap, MEDIANS, SLOWEST } from './html/heat-map.ts';
import { histogramChart } from './html/histogram-chart.ts';
import { type Page, page } from './html/page.ts';
import { percentileChart } from './html/percentile-chart.ts';
import { type Range, rangeChart } from './html/range-chart.ts';
import { stageChart } from './html/stage-chart.ts';
import { count, factor, plural, time } from './units.ts';

/** Dots of a series in the time line. */
const DOTS = 160;

/** Paths that differ only in how the signal is given: they share a panel, and a colour means the same in each. */
type Panel = { readonly id: string; readonly name: string; readonly paths: readonly number[] };

/** The report of a latency measurement: one HTML file. */
export function latencyHtml(result: LatencyResult, pictures: LatencyPictures): string {
  const { paths, config, calibration } = result;
  const panels = panelsOf(paths);
  const of = <T>(panel: Panel, values: readonly T[]): T[] =>
    panel.paths.flatMap((path) => (values[path] === undefined ? [] : [values[path]]));
  const distributions = (panel: Panel) =>
    panel.paths.flatMap((path) => {
      const distribution = pictures.latency[path];
      return distribution ? [{ ...identity(paths[path]), distribution }] : [];
    });
  const steady = calibration.steady
    ? ({ kind: 'good', text: 'Steady: the machine was the same before and after' } as const)
    : ({
        kind: 'warn',
        text: 'Unsteady: the machine was not the same before and after; compare with care',
      } as const);
  const given: Page = {
    title: 'How long an interrupt takes',
    text: sentence(result),
    verdict: steady,
    tiles: [...bestTiles(paths), ...calibrationTiles(result.clock, calibration)],
    parts: [
      {
        title: 'Signal to handler',
        text: 'The dot is the median, the bar ends where 99 % are done. The grey stroke is the time of two threads of this machine for the same exchange without an interrupt, measured in this run.',
        cards: [
          rangeChart(
            'ranges',
            'All paths on one scale',
            'Each row is a way to give the signal; further left is faster, and each mark of the axis is ten times the one before.',
            panels.map((panel) => ({ name: panel.name, rows: of(panel, paths).flatMap(rangeOf) })),
            [],
          ),
        ],
      },
      {
        title: 'Where the time goes',
        text: 'From the signal to the end of the interrupt. Each bar is the mean way of the fifth of the signals that took a middling time; its parts add up to the whole.',
        cards: panels.map((panel) =>
          stageChart(
            `stages-${panel.id}`,
            panel.name,
            'The share of each stage; a stage begins at the end of the stage before.',
            [...STRETCHES.slice(0, 5), 'EOI'],
            of(panel, paths).map(({ source, staged }) => ({
              name: source,
              parts: STRETCHES.map((stretch) => staged.typicalNs[stretch]),
            })),
          ),
        ),
      },
      {
        title: 'Percentiles',
        text: 'The latency at each percentile. Each nine has as much room as the nine before.',
        cards: panels.map((panel) =>
          percentileChart(
            `percentiles-${panel.id}`,
            panel.name,
            'Latency by percentile, both axes logarithmic.',
            distributions(panel),
          ),
        ),
      },
      {
        title: 'Histograms',
        text: 'Where the latencies lie. The dashed stroke is the median.',
        cards: panels.map((panel) =>
          histogramChart(
            `histogram-${panel.id}`,
            panel.name,
            'Each row is scaled to its tallest bar; bars are equally wide on a logarithmic axis.',
            distributions(panel),
          ),
        ),
      },
      {
        title: 'Time line',
        text: 'The latency over the time of the run. Paths take turns in blocks; a block that lies above the others met other work on this machine.',
        cards: panels.map((panel) =>
          dotChart(
            `time-${panel.id}`,
            panel.name,
            'A dot for each of some signals, spread over the run.',
            panel.paths.map((path) => ({
              ...identity(paths[path]),
              points: thin(pictures.points[path] ?? [], DOTS),
            })),
          ),
        ),
      },
      {
        title: 'Device and vCPU',
        text: 'The median, and the time within which 99 % are done, of each device’s line to each vCPU.',
        cards: panels.flatMap((panel) => heatOf(panel, paths)),
      },
      { title: 'Calibration', cards: [calibrationCard(result.clock, calibration)] },
    ],
    notes: [
      `irqloom latency, ${count(config.samples)} signals a path, on ${plural(config.boots, 'machine')} in turn, ${config.cores} cores, Node ${config.node}, ${time(result.seconds * 1e9)}.`,
      `Times are exact within ${(100 * result.error.relative).toFixed(1)} % and ${time(result.error.absoluteNs)}. Stages were stamped in blocks of their own; a stamp costs ${time(result.stampNs)}.`,
    ],
  };
  return page(given);
}

function sentence({ config }: LatencyResult): string {
  const { vcpus, devices, background, others, rate, handlerNs } = config;
  const parts = [
    `${plural(devices, 'device thread')} signalling ${plural(vcpus, 'vCPU')}`,
    rate > 0
      ? `at ${count(rate)} signals a second, corrected for coordinated omission`
      : 'each signal when the one before was handled',
    ...(background === 'none' ? [] : [`beside ${plural(others, 'vCPU')} ${background}`]),
    ...(handlerNs > 0 ? [`with handlers that run ${time(handlerNs)}`] : []),
  ];
  return `${parts.join(', ')}.`;
}

function panelsOf(paths: readonly Path[]): Panel[] {
  return (['inline', 'main'] as const).flatMap((dispatch) =>
    WAITINGS.flatMap((waiting): Panel[] => {
      const own = paths.flatMap((path, index) =>
        path.dispatch === dispatch && path.waiting === waiting ? [index] : [],
      );
      if (own.length === 0) return [];
      const by = dispatch === 'inline' ? 'in the signalling thread' : 'by the main thread';
      const state = waiting === 'polling' ? 'polls' : 'is parked';
      return [{ id: `${dispatch}-${waiting}`, name: `Dispatched ${by}, the vCPU ${state}`, paths: own }];
    }),
  );
}

/** The name and the colour of a path's signal, the same wherever shown. */
function identity(path: Path | undefined): { readonly name: string; readonly mark: string } {
  return { name: path?.source ?? '', mark: markOf(SIGNALS.indexOf(path?.source ?? 'irqfd')) };
}

/** None for a path of which nothing was measured. */
function rangeOf(path: PathResult): Range[] {
  const { p50, p99, max } = path.latencyNs;
  if (p50 === null || p99 === null || max === null) return [];
  return [{ ...identity(path), p50, p99, max, yardstick: path.ratio.calibrationNs }];
}

/** The fastest path to a polling vCPU, and to a parked vCPU. */
function bestTiles(paths: readonly PathResult[]) {
  return WAITINGS.flatMap((waiting) => {
    const [best] = paths
      .filter((path) => path.waiting === waiting && path.latencyNs.p50 !== null)
      .sort((a, b) => (a.latencyNs.p50 ?? 0) - (b.latencyNs.p50 ?? 0));
    if (!best) return [];
    const state = waiting === 'polling' ? 'a vCPU that polls' : 'a parked vCPU';
    const more = `${factor(best.ratio.toCalibration)} calibration, by ${best.source}`;
    return [{ name: `Fastest to ${state}`, value: time(best.latencyNs.p50), more }];
  });
}

function heatOf(panel: Panel, paths: readonly PathResult[]): string[] {
  const path = paths[panel.paths[0] ?? -1];
  // Of a single line everything has been said.
  if (!path || path.lines.length < 2) return [];
  const map = (which: 'p50' | 'p99') =>
    heatMap({
      id: `lines-${which}-${panel.id}`,
      title: `${panel.name}: ${which === 'p50' ? 'the median' : '99 % within'}`,
      text: `Of signals by ${path.source}. Darker is slower in the light, brighter in the dark.`,
      scale: which === 'p50' ? MEDIANS : SLOWEST,
      rowName: 'device',
      columnName: 'vCPU',
      cells: path.lines.map((line) => ({ row: line.device, column: line.vcpu, value: line[which] })),
    });
  return [map('p50'), map('p99')];
}

/** At most `most` of the values, evenly. */
function thin<T>(values: readonly T[], most: number): T[] {
  const every = Math.max(1, Math.ceil(values.length / most));
  return values.filter((_, index) => index % every === 0);
}
