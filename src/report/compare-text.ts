import type { CompareResult, DesignResult, UpdateFigures } from '../debate/index.ts';
import type { UpdateFates } from '../vmm/update-fates.ts';
import { calibrationLines } from './calibration-text.ts';
import { compareFindings } from './compare-findings.ts';
import { table } from './table.ts';
import { count, factor, plural, rate, time } from './units.ts';

/** A comparison of the designs as text for people. */
export function compareText(result: CompareResult): string {
  const { config, designs, clock, calibration } = result;
  const lines = [
    `${plural(config.vcpus, 'vCPU')}, ${plural(config.devices, 'device')} of ${plural(config.events, 'event')}; ${plural(config.cores, 'core')}, Node ${config.node}, ${time(result.seconds * 1e9)}`,
    '',
    'signal to handler, one at a time; rate when all sources signal together and are awaited; ratio to half a round trip of two threads that sleep',
    table(
      ['design', '', 'ends in', 'inline p50', 'p99', 'ratio', 'rate', 'main p50', 'p99', 'ratio', 'rate'],
      [
        ...designs.map(({ name, letter, eventsAs, dispatch }) => [
          name,
          `(${letter})`,
          eventsAs.toUpperCase(),
          ...speedCells(dispatch),
        ]),
      ],
      [1, 2, 5, 9, 6, 10, 4, 8],
    ),
    '',
    'one inline injection: shared operations, words and cache lines; loads where the irqfd has to go by its route; time with the taking, in one thread; bytes of a source',
    table(
      [
        'design',
        'loads',
        'stores',
        'updates',
        'words',
        'lines',
        'by route',
        'time',
        'route',
        'table',
        'irqfd + eventfd',
      ],
      designs.map(({ name, injection: i, byRoute, memory }) => [
        name,
        String(i.loads),
        String(i.stores),
        String(i.updates),
        String(i.words),
        String(i.lines),
        String(byRoute.loads),
        time(i.ns),
        String(memory.route),
        String(memory.table),
        String(memory.irqfd + memory.eventfd),
      ]),
      [10, 9, 8, 5, 4, 6],
    ),
    '',
    'a change of one vector: calls + entries handed over, and the time that a quarter of the tries kept within',
    table(
      ['design', 'vectors', 'mask by irqfd', '', 'mask by route', '', 'new message', ''],
      designs.flatMap(({ name, updates }) =>
        updates.map(({ vectors, maskByIrqFd, maskByRoute, reroute }, index) => [
          index === 0 ? name : '',
          count(vectors),
          ...updateCells(maskByIrqFd),
          ...(maskByRoute ? updateCells(maskByRoute) : ['–', '–']),
          ...updateCells(reroute),
        ]),
      ),
    ),
    '',
    'the fate of a signal during a change, at each of some moments: old route, new route, lost, and late; and in the gap between mask and unmask',
    table(
      ['design', 'change', 'moments', 'old', 'new', 'lost', 'late', 'in the gap'],
      designs.flatMap(fateRows),
    ),
    '',
    'names that each party must know',
    table(
      ['design', 'guest', 'userland', 'kernel', 'device'],
      designs.map(({ name, names }) => [
        name,
        ...[names.guest, names.userland, names.kernel, names.device].map((kinds) => kinds.join(', ') || '–'),
      ]),
      [],
    ),
    '',
    ...compareFindings(result).map((finding) => `- ${finding}`),
    '',
    ...calibrationLines(clock, calibration),
  ];
  return `${lines.join('\n')}\n`;
}

function speedCells({ inline, main }: DesignResult['dispatch']): string[] {
  return [inline, main].flatMap(({ latencyNs, toCalibration, perSecond }) => [
    time(latencyNs.p50),
    time(latencyNs.p99),
    factor(toCalibration),
    rate(perSecond),
  ]);
}

function updateCells({ calls, entries, us }: UpdateFigures): string[] {
  return [`${calls} + ${count(entries)}`, time(us * 1000)];
}

/** The rows of a design's fates: the update, and the fate of the signals. */
export function fateRows({ name, fates }: Pick<DesignResult, 'name' | 'fates'>): string[][] {
  const row = (change: string, fate: UpdateFates | null, head: string): string[][] =>
    fate === null
      ? []
      : [
          [
            head,
            change,
            ...[fate.moments, fate.old, fate.new, fate.lost, fate.late].map(String),
            fate.gaps
              .map(({ by, late }) => (by === 'none' ? 'lost' : `${by}${late ? ', late' : ''}`))
              .join('; ') || '–',
          ],
        ];
  return [
    ...row('mask by irqfd', fates.maskByIrqFd, name),
    ...row('mask by route', fates.maskByRoute, ''),
    ...row('new message', fates.reroute, ''),
  ];
}
