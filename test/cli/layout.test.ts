import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { layoutReport } from '../../src/cli/layout.ts';
import { type LayoutReport, layoutText } from '../../src/report/layout-text.ts';
import { irqloom } from './run.ts';

const SIZES = { vcpus: 3, spis: 64, devices: 4, events: 32, eventfds: 8 };
const LINE_BYTES = 64;

/** Faults of a map: regions that overlap, leave a cache line between them, or begin within one. */
function faultsOf({ regions, bytes }: LayoutReport): string[] {
  const ends = regions.map(({ offsetBytes, bytes: size }) => offsetBytes + size);
  return regions.flatMap(({ name, offsetBytes }, index) => {
    const end = index === 0 ? 0 : (ends[index - 1] ?? 0);
    const next = Math.ceil(end / LINE_BYTES) * LINE_BYTES;
    if (offsetBytes !== next)
      return [`${name} lies at ${offsetBytes}, and the region before it ends at ${end}`];
    return index === regions.length - 1 && Math.ceil((ends[index] ?? 0) / LINE_BYTES) * LINE_BYTES !== bytes
      ? [`the buffer has ${bytes} bytes, and ${name} ends at ${ends[index]}`]
      : [];
  });
}

describe('irqloom layout', () => {
  const report = layoutReport(SIZES);

  test('the map covers the buffer of a machine, line by line, without overlap', () => {
    expect(faultsOf(report)).toEqual([]);
    expect(report.bytes).toBe(Machine.create({ ...DEFAULT_CONFIG, ...SIZES }).words.byteLength);
  });

  test('a map with an overlap, or a gap, is found faulty', () => {
    const shifted = (by: number) => {
      const [first, second, ...rest] = report.regions;
      if (!first || !second) throw new Error('the map has at least two regions');
      return { ...report, regions: [first, { ...second, offsetBytes: second.offsetBytes + by }, ...rest] };
    };
    expect(faultsOf(shifted(-4)).length).toBeGreaterThan(0);
    expect(faultsOf(shifted(64)).length).toBeGreaterThan(0);
  });

  test('the machine knows each region by the name that the map gives it', () => {
    const { layout } = Machine.create({ ...DEFAULT_CONFIG, ...SIZES });
    for (const { name, offsetBytes, bytes } of report.regions) {
      if (bytes === 0) continue;
      // Records are named with their number: `ite0.lpi`.
      expect(layout.nameOf(offsetBytes / 4).startsWith(name), name).toBe(true);
    }
  });

  test('the table gives regions that differ by a number only one line', () => {
    const lines = layoutText(report).split('\n');
    expect(lines[0]).toMatch(/^ *offset +size +regions +kind +name$/);
    expect(lines.filter((line) => line.endsWith(' header'))).toHaveLength(1);
    expect(lines.length).toBeLessThan(report.regions.length);
    expect(lines.at(-2)).toContain('3 vCPUs, 64 SPIs, 4 devices, 32 events, 8 eventfds');
  });

  test('--json prints the whole map; a size that no machine has is refused with exit status 2', async () => {
    const args = ['-v', '3', '--spis', '64', '-d', '4', '-e', '32', '--eventfds', '8'];
    const { status, stdout } = await irqloom(['layout', ...args, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(report);
    const refused = await irqloom(['layout', '--spis', '33']);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('multiple of 32');
  });
});
