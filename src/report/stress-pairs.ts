import type { StressResult } from '../stress/index.ts';
import { type Cell, DELIVERIES, heatMap } from './html/heat-map.ts';
import { time } from './units.ts';

/** Rows and columns of the map at most; with more devices or vCPUs, neighbours share a cell. */
const MOST = 32;

/** What came from which device to which vCPU, as a heat map. */
export function pairsMap({ vcpus, devices }: StressResult): string {
  const byDevice = grouped(devices.length);
  const byVcpu = grouped(vcpus.length);
  const told = byDevice.size === 1 && byVcpu.size === 1;
  const cells = new Map<number, Cell>();
  for (const [index, vcpu] of vcpus.entries()) {
    for (const [device, { delivered, latencyNs }] of vcpu.devices.entries()) {
      const [row, column] = [Math.floor(device / byDevice.size), Math.floor(index / byVcpu.size)];
      const key = row * vcpus.length + column;
      const value = (cells.get(key)?.value ?? 0) + delivered;
      const further = told && latencyNs ? [time(latencyNs.p50), time(latencyNs.p99)] : [];
      cells.set(key, { row, column, value, further });
    }
  }
  const timed = [...cells.values()].some(({ further = [] }) => further.length > 0);
  const shared = told ? '' : ' Neighbours share a cell.';
  return heatMap({
    id: 'pairs',
    title: 'From device to vCPU',
    text: `Handlers that a vCPU ran for a device. Darker is more in the light, brighter in the dark.${shared}`,
    scale: DELIVERIES,
    rowName: 'device',
    columnName: 'vCPU',
    rowText: byDevice.text,
    columnText: byVcpu.text,
    cells: [...cells.values()].sort((a, b) => a.row - b.row || a.column - b.column),
    further: timed ? ['p50', 'p99'] : [],
  });
}

/** How many of so many share a place, and what the places are called: `5`, or `8–15`. */
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
