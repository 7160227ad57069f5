import { table } from './table.ts';
import { count, size } from './units.ts';

/** One region of the shared buffer. */
export type LayoutRegion = {
  readonly name: string;
  /** From the start of the buffer. */
  readonly offsetBytes: number;
  readonly bytes: number;
  /** The kind of its words: `mutex`, `event count`, `plain`. */
  readonly kind: string;
};

/** The JSON of `irqloom layout`. */
export type LayoutReport = {
  readonly schemaVersion: 1;
  readonly command: 'layout';
  readonly config: {
    readonly vcpus: number;
    readonly spis: number;
    readonly devices: number;
    readonly events: number;
    readonly eventfds: number;
  };
  readonly bytes: number;
  /** In the order of their offsets; each begins on a cache line of its own. */
  readonly regions: readonly LayoutRegion[];
};

type Row = { name: string; readonly first: LayoutRegion; regions: number; bytes: number };

/** `vcpu12.bell` without its numbers: regions of one pattern in a row are one row of the table. */
const patternOf = (name: string) => name.replace(/\d+/g, 'n');

/** The map as a table: regions that differ by a number only, and lie one behind the other, share a row. */
export function layoutText({ regions, bytes, config }: LayoutReport): string {
  const rows: Row[] = [];
  for (const region of regions) {
    const last = rows.at(-1);
    if (last && patternOf(last.first.name) === patternOf(region.name) && last.first.kind === region.kind) {
      last.name = patternOf(region.name);
      last.regions++;
      last.bytes += region.bytes;
    } else rows.push({ name: region.name, first: region, regions: 1, bytes: region.bytes });
  }
  const head = ['offset', 'size', 'regions', 'kind', 'name'];
  const cells = rows.map(({ name, first, regions: many, bytes: all }) => [
    `0x${first.offsetBytes.toString(16).padStart(8, '0')}`,
    size(all),
    String(many),
    first.kind,
    name,
  ]);
  const { vcpus, spis, devices, events, eventfds } = config;
  return `${table(head, cells)}\n\n${size(bytes)} (${count(bytes)} bytes) for ${vcpus} vCPUs, ${spis} SPIs, ${devices} devices, ${events} events, ${eventfds} eventfds\n`;
}
