import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Path } from '../../src/measuring/latency/latency-result.ts';
import { runLatency } from '../../src/measuring/latency/latency-run.ts';
import { runScale } from '../../src/measuring/scale/scale-run.ts';
import { lineChart } from '../../src/report/html/line-chart.ts';
import { page } from '../../src/report/html/page.ts';
import { rangeChart } from '../../src/report/html/range-chart.ts';
import { latencyHtml } from '../../src/report/latency-html.ts';
import { scaleHtml } from '../../src/report/scale-html.ts';
import { pairsMaps } from '../../src/report/stress-pairs.ts';
import { count, rate } from '../../src/report/units.ts';
import type { StressResult } from '../../src/stress/stress-result.ts';
import { irqloom } from '../cli/run.ts';
import { Browser, CHROMIUM, countColours } from './chromium.ts';
import {
  type CellSeen,
  CHARTS,
  type Chart,
  cellsOf,
  HIDE_CELLS,
  HIDE_MARKS,
  IDS,
  LOOKS,
  type Looks,
  rowsOf,
} from './in-page.ts';

const PATHS: Path[] = [
  { source: 'irqfd', dispatch: 'inline', waiting: 'parked' },
  { source: 'irq-line', dispatch: 'inline', waiting: 'parked' },
];

const folder = mkdtempSync(join(tmpdir(), 'irqloom-reports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function latencyReport(): Promise<string> {
  const { result, pictures } = await runLatency({
    paths: PATHS,
    vcpus: 2,
    devices: 2,
    background: 'none',
    others: 0,
    handlerNs: 0,
    samples: 128,
    rate: 0,
    seconds: 20,
  });
  return latencyHtml(result, pictures);
}

/** A page by way of the command, with its default options; and the printed result of the same run. */
const stressed = once(async (): Promise<{ html: string; result: StressResult }> => {
  const file = join(folder, 'by-command.html');
  const args = ['-v', '2', '-d', '3', '-e', '4', '-s', '0.8', '--churn', 'light', '--json', '--report', file];
  const { status, stdout, stderr } = await irqloom(['stress', ...args]);
  if (status !== 0) throw new Error(`irqloom stress ended with ${status}: ${stderr}`);
  return { html: readFileSync(file, 'utf8'), result: JSON.parse(stdout) as StressResult };
});

const stressReport = async () => (await stressed()).html;

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The differences between the cells of a heat map, the table below, and the result of the run. */
function cellFaults(
  cells: readonly Pick<CellSeen, 'said'>[],
  rows: readonly string[][],
  { vcpus, devices }: StressResult,
): string[] {
  const expected = devices.flatMap((_, device) =>
    vcpus.map(({ vcpu, devices: from }) => [
      String(device),
      String(vcpu),
      count(from[device]?.delivered ?? -1),
    ]),
  );
  const found: string[] = [];
  if (cells.length !== expected.length) found.push(`${cells.length} cells`);
  if (rows.length !== expected.length) found.push(`${rows.length} rows`);
  for (const [index, [device, vcpu, delivered]] of expected.entries()) {
    const said = `device ${device}, vCPU ${vcpu}: delivered ${delivered}, p50 `;
    if (!cells[index]?.said.startsWith(said)) found.push(`cell ${index} says ${cells[index]?.said}`);
    if (rows[index]?.slice(0, 3).join() !== [device, vcpu, delivered].join())
      found.push(`row ${index} says ${rows[index]}`);
  }
  return found;
}

async function scaleReport(): Promise<string> {
  const base = { vcpus: 1, devices: 1, lpis: 4 };
  const sweeps = { vcpus: [1, 2], devices: [1], lpis: [2, 4, 8] };
  return scaleHtml(await runScale({ base, sweeps, dispatch: 'inline', seconds: 0.2 }));
}

/** The largest that there can be: many cells, long names, marks close to each other. */
async function crowdedReport(): Promise<string> {
  const latencyNs = null;
  const pairs = {
    vcpus: Array.from({ length: 70 }, (_, vcpu) => ({
      devices: Array.from({ length: 200 }, (_, device) => ({ delivered: vcpu * device, latencyNs })),
    })),
    devices: Array.from({ length: 200 }, () => ({})),
  } as unknown as StressResult;
  const rows = ['fixed-identity', 'irqfd'].map((name) => ({
    name,
    mark: 'c0',
    p50: 900,
    p99: 4e6,
    max: 4e7,
  }));
  const points = [16, 256, 4000, 16_384, 57_344].map((n) => [n, 1e5 + n] as const);
  return page({
    title: 'Crowded',
    text: 'All that is large.',
    tiles: [],
    parts: [
      {
        title: 'Charts',
        cards: [
          ...pairsMaps(pairs),
          rangeChart('range', 'Ranges', 'One below the other.', [{ name: 'All', rows }], []),
          lineChart({
            ...{ id: 'line', title: 'Lines', text: 'Over sizes that double.', doubling: true },
            ...{ lines: [{ name: 'rate', points }], xName: 'LPIs', xText: count, yText: rate },
          }),
        ],
      },
    ],
    notes: [],
  });
}

describe.skipIf(!CHROMIUM)('reports in a real browser', () => {
  const makers = {
    latency: latencyReport,
    stress: stressReport,
    scale: scaleReport,
    crowded: crowdedReport,
  } as const;
  const files = new Map<string, Promise<string>>();
  let browser: Browser;

  beforeAll(async () => {
    browser = await Browser.start();
  });
  afterAll(async () => {
    await browser?.close();
  });

  /** The report of that name, which is made once. */
  const open = async (name: keyof typeof makers, width: number, scheme: 'light' | 'dark') => {
    const made = files.get(name) ?? writeReport(name);
    files.set(name, made);
    return browser.open(await made, width, scheme);
  };

  const writeReport = async (name: keyof typeof makers) => {
    const file = join(folder, `${name}.html`);
    writeFileSync(file, await makers[name]());
    return file;
  };

  test.each(['latency', 'stress', 'scale'] as const)(
    '%s: every chart is drawn, named, described and a table',
    async (name) => {
      const page = await open(name, 1240, 'light');
      const charts = await page.evaluate<Chart[]>(CHARTS);
      expect(charts.length).toBeGreaterThanOrEqual(4);
      for (const chart of charts) {
        expect(chart).toMatchObject({ role: 'img', finite: true, inside: true });
        expect(chart.title).not.toBe('');
        expect(chart.description.length, `${chart.title}: ${chart.description}`).toBeGreaterThan(10);
        expect(chart.marks, chart.title).toBeGreaterThan(0);
        expect(chart.rows, chart.title).toBeGreaterThan(0);
      }
      const ids = await page.evaluate<string[]>(IDS);
      expect(new Set(ids).size).toBe(ids.length);
      expect(browser.complaints).toEqual([]);
      await page.close();
    },
  );

  test.each(['latency', 'stress', 'scale', 'crowded'] as const)(
    '%s: nothing is cut off, nor lies on another, on a phone and on a desk, light or dark',
    async (name) => {
      const backgrounds = new Set<string>();
      for (const [width, scheme] of [
        [360, 'light'],
        [360, 'dark'],
        [1280, 'dark'],
      ] as const) {
        const page = await open(name, width, scheme);
        const seen = await page.evaluate<Looks>(LOOKS);
        expect(seen.wide).toBeLessThanOrEqual(width);
        expect(seen.smallest).toBeGreaterThan(8);
        expect(seen).toMatchObject({ outside: [], overlapping: [] });
        backgrounds.add(seen.background);
        await page.close();
      }
      expect(backgrounds.size).toBe(2);
      expect(browser.complaints).toEqual([]);
    },
  );

  test('a screenshot shows the series in their colours, and nothing where they are hidden', async () => {
    const blue = [0x2a, 0x78, 0xd6] as const;
    const green = [0x12, 0x94, 0x6a] as const;
    const page = await open('latency', 1240, 'light');
    const blank = await browser.context.newPage();
    const chart = page.locator('#percentiles-inline-parked svg');
    const shown = await countColours(blank, await chart.screenshot(), [blue, green]);
    // A line that is two pixels wide across the chart, and dots.
    expect(shown[0]).toBeGreaterThan(150);
    expect(shown[1]).toBeGreaterThan(150);
    await page.evaluate(HIDE_MARKS);
    expect(await countColours(blank, await chart.screenshot(), [blue, green])).toEqual([0, 0]);
    await page.close();
    await blank.close();
  });

  test('the heat map of a stress run has a cell for each device and vCPU, which says what was delivered', async () => {
    const { result } = await stressed();
    const page = await open('stress', 390, 'dark');
    const cells = await page.evaluate<CellSeen[]>(cellsOf('pairs'));
    const rows = await page.evaluate<string[][]>(rowsOf('pairs'));
    expect(cellFaults(cells, rows, result)).toEqual([]);
    for (const cell of cells) {
      expect(cell.left).toBeGreaterThanOrEqual(0);
      expect(cell.left + cell.width).toBeLessThanOrEqual(390);
      expect(Math.min(cell.width, cell.height)).toBeGreaterThan(5);
      // Its colour is one of the shades, and not that of text.
      if (!cell.hole) expect(cell.colour).toMatch(/^rgb\((?!255, 255, 255)/);
    }
    expect(browser.complaints).toEqual([]);
    // The same cells do not fit another result.
    const [first, ...others] = result.vcpus;
    if (!first) throw new Error('no vCPU');
    const other = { ...result, vcpus: [{ ...first, devices: [...first.devices].reverse() }, ...others] };
    expect(cellFaults(cells, rows, other)).not.toEqual([]);
    expect(cellFaults(cells.slice(1), rows, result)).not.toEqual([]);
    await page.close();
  });

  test('a screenshot shows the heat map, and nothing where its cells are hidden', async () => {
    const page = await open('stress', 1240, 'light');
    const blank = await browser.context.newPage();
    const chart = page.locator('#pairs svg');
    const cell = (await page.evaluate<CellSeen[]>(cellsOf('pairs'))).find(({ hole }) => !hole);
    const colour = (cell?.colour.match(/\d+/g) ?? []).map(Number) as [number, number, number];
    const [shown = 0] = await countColours(blank, await chart.screenshot(), [colour]);
    // At least that cell, without what is written in it and its corners.
    expect(shown).toBeGreaterThan(0.6 * (cell?.width ?? 0) * (cell?.height ?? 0));
    await page.evaluate(HIDE_CELLS);
    expect(await countColours(blank, await chart.screenshot(), [colour])).toEqual([0]);
    await page.close();
    await blank.close();
  });

  test('text that leaves its card, or lies on other text, is noticed', async () => {
    const file = join(folder, 'clumsy.html');
    const text = (x: number, words: string) => `<text x="${x}" y="30">${words}</text>`;
    const drawing = `${text(-60, 'to the left')}${text(150, 'one thing')}${text(160, 'another')}${text(390, 'to the right')}`;
    writeFileSync(
      file,
      `<style>svg{overflow:visible}.card{margin:40px}</style><div class="card"><svg viewBox="0 0 420 60">${drawing}</svg></div>`,
    );
    const page = await browser.open(file, 500, 'light');
    const seen = await page.evaluate<Looks>(LOOKS);
    expect(seen.outside).toEqual(['to the left', 'to the right']);
    expect(seen.overlapping).toEqual(['one thing and another']);
    await page.close();
  });

  test('a page that complains, or loads something, is noticed', async () => {
    const file = join(folder, 'bad.html');
    writeFileSync(file, '<script>console.error("broken")</script><img src="http://127.0.0.1:9/x.png">');
    const other = await Browser.start();
    await (await other.open(file, 800, 'light')).close();
    await other.close();
    expect(other.complaints.some((complaint) => complaint.includes('broken'))).toBe(true);
    expect(other.complaints.some((complaint) => complaint.includes('loads http'))).toBe(true);
  });
});
