import type { StressResult } from '../stress/index.ts';
import { type Cell, DELIVERIES, heatMap, MEDIANS, SLOWEST } from './html/heat-map.ts';
import { time } from './units.ts';

/** Rows and columns of the map at most; with more devices or vCPUs, neighbours share a cell. */
const MOST = 32;

/** The deliveries from each device to each vCPU, and their times where each pair was timed: heat maps. */
export function pairsMaps({ vcpus, devices }: StressResult): string[] {
  const byDevice = grouped(devices.length);
  const byVcpu = grouped(vcpus.length);
  const told = byDevice.size === 1 && byVcpu.size === 1;
  const cells = new Map<number, Cell>();
  const medians: Cell[] = [];
  const slowest: Cell[] = [];
  for (const [index, vcpu] of vcpus.entries()) {
    for (const [device, { delivered, latencyNs }] of vcpu.devices.entries()) {
      const [row, column] = [Math.floor(device / byDevice.size), Math.floor(index / byVcpu.size)];
      const key = row * vcpus.length + column;
      const value = (cells.get(key)?.value ?? 0) + delivered;
      const further = told && latencyNs ? [time(latencyNs.p50), time(latencyNs.p99)] : [];
      cells.set(key, { row, column, value, further });
      if (!told || !latencyNs) continue;
      medians.push({ row, column, value: latencyNs.p50 });
      slowest.push({ row, column, value: latencyNs.p99 });
    }
  }
  const timed = medians.length > 0;
  const shared = told ? '' : ' Neighbours share a cell.';
  const names = {
    rowName: 'device',
    columnName: 'vCPU',
    rowText: byDevice.text,
    columnText: byVcpu.text,
  };
  const inOrder = (some: Iterable<Cell>) => [...some].sort((a, b) => a.row - b.row || a.column - b.column);
  return [
    heatMap({
      ...{ ...names, id: 'pairs', title: 'From device to vCPU', scale: DELIVERIES },
      text: `Handlers that a vCPU ran for a device. Darker is more in the light, brighter in the dark.${shared}`,
      cells: inOrder(cells.values()),
      further: timed ? ['p50', 'p99'] : [],
    }),
    ...(timed
      ? [
          heatMap({
            ...{ ...names, id: 'pairs-p50', title: 'Device to vCPU: the median', scale: MEDIANS },
            text: 'From the signal to the handler. Darker is slower in the light, brighter in the dark.',
            cells: inOrder(medians),
          }),
          heatMap({
            ...{ ...names, id: 'pairs-p99', title: 'Device to vCPU: 99 % within', scale: SLOWEST },
            text: 'From the signal to the handler. Darker is slower in the light, brighter in the dark.',
            cells: inOrder(slowest),
          }),
        ]
      : []),
  ];
}

/** The number of neighbours that share a place, and the names of the places: `5`, or `8–15`. */
function grouped(length: number): { readonly size: number; readonly text: (place: number) => string } {
  const size = Math.ceil(length / MOST);
  return {
    size,
    text: (place) => {
      const last = Math.min(length, (place + 1) * size) - 1;
      return last === place * size ? String(last) : `${place * size}–${last}`;
    },
  };
}
