import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LATENCY } from '../../src/measure/buckets.ts';
import { Distribution } from '../../src/measure/distribution.ts';
import { dotChart } from '../../src/report/html/dot-chart.ts';
import { tableCard } from '../../src/report/html/figure.ts';
import { heatMap, MEDIANS } from '../../src/report/html/heat-map.ts';
import { lineChart } from '../../src/report/html/line-chart.ts';
import { page } from '../../src/report/html/page.ts';
import { percentileChart } from '../../src/report/html/percentile-chart.ts';
import { rate } from '../../src/report/units.ts';
import { axeFaults } from './axe.ts';
import { Browser, CHROMIUM } from './chromium.ts';
import { LOOKS, type Looks } from './in-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-charts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const distribution = (...values: readonly number[]) => {
  const all = new Distribution(LATENCY);
  for (const value of values) all.record(value);
  return all;
};
const ramp = (from: number) => Array.from({ length: 200 }, (_, n) => from * (n + 1));
/** Two boots of half a second, 9 s apart: ns. */
const boots = [0, 0.1, 0.2, 0.3, 0.4, 9.4, 9.5, 9.6, 9.7, 9.8].map(
  (seconds, n) => [1e12 + seconds * 1e9, 1000 * (n + 1)] as const,
);

const html = page({
  title: 'Charts',
  text: 'One of each kind.',
  tiles: [],
  parts: [
    {
      title: 'Charts',
      cards: [
        lineChart({
          ...{ id: 'line', title: 'Rates', text: 'Over the run.', xName: 'time', yText: rate },
          xText: (seconds) => `${seconds} s`,
          lines: [
            { name: 'moves', points: [1, 2, 3, 4].map((s) => [s, 1000 * s] as const) },
            { name: 'masks', points: [1, 2, 3, 4].map((s) => [s, 500] as const) },
          ],
          events: [
            { x: 3, kind: 'bad', text: '2 violations between 2 s and 3 s' },
            { x: 1, kind: 'quiet', text: 'all kept still once' },
          ],
        }),
        percentileChart('percentiles', 'Percentiles', 'Of two.', [
          { name: 'fast', distribution: distribution(...ramp(100)) },
          { name: 'slow', distribution: distribution(...ramp(9000)) },
        ]),
        dotChart('dots', 'Time line', 'Two boots.', [{ name: 'irqfd', points: boots }]),
        heatMap({
          ...{ id: 'map', title: 'Map', text: 'Of pairs.', scale: MEDIANS },
          ...{ rowName: 'device', columnName: 'vCPU' },
          cells: [0, 1].flatMap((row) =>
            [0, 1].map((column) => ({ row, column, value: 10 ** (row + column) })),
          ),
        }),
        tableCard('table', 'Tokens', 'To copy.', {
          head: ['times', 'kind', 'sites', 'steps', 'cause', 'token'],
          rows: [
            ['3', 'deadlock', 'a.ts:1', '12', 'both wait for the other to let go of its lock', 'x1:<b>'],
          ],
          narrow: ['times', 'kind', 'token'],
          copies: 'token',
        }),
      ],
    },
  ],
  notes: [],
});

describe.skipIf(!CHROMIUM)('the charts of a report in a real browser', () => {
  let browser: Browser;
  const file = join(folder, 'charts.html');
  beforeAll(async () => {
    writeFileSync(file, html);
    browser = await Browser.start();
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  });
  afterAll(async () => {
    await browser?.close();
  });

  const parts = (page: Page, id: string) => {
    const card = page.locator(`#${id}`);
    return {
      card,
      said: () => card.locator('output').textContent(),
      slider: card.locator('input[type=range]'),
      button: (name: string) => card.getByRole('button', { name }),
      /** The marks of the horizontal axis. */
      marks: () => card.locator('.ticks text').allTextContents(),
    };
  };

  /** A place in the plot, as shares of the picture. */
  const inPicture = async (card: Locator, x: number, y: number) => {
    await card.scrollIntoViewIfNeeded();
    const box = await card.locator('svg').boundingBox();
    if (!box) throw new Error('the picture is not there');
    return [box.x + x * box.width, box.y + y * box.height] as const;
  };

  const tap = async (page: Page, x: number, y: number) => {
    const session = await page.context().newCDPSession(page);
    await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] });
    await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await session.detach();
  };

  test.each([
    [390, 'light'],
    [1280, 'dark'],
  ] as const)('on %i px, %s, the pointer and a touch show the nearest value', async (width, scheme) => {
    const page = await browser.open(file, width, scheme);
    const { card, said } = parts(page, 'line');
    expect(await said()).toMatch(/^Values:/);
    await page.mouse.move(...(await inPicture(card, 0.97, 0.05)));
    expect(await said()).toBe('moves, time 4 s: 4.00 k/s');
    await tap(page, ...(await inPicture(card, 0.97, 0.72)));
    expect(await said()).toBe('masks, time 4 s: 500 /s');
    await page.mouse.move(...(await inPicture(card, 0.75, 0.55)));
    expect(await said()).toBe('2 violations between 2 s and 3 s');
    const map = parts(page, 'map');
    await page.mouse.move(...(await inPicture(map.card, 0.2, 0.5)));
    expect(await map.said()).toBe('device 0, vCPU 0: p50 1 ns');
    expect(browser.complaints).toEqual([]);
    await page.close();
  });

  test('by the keyboard alone every value is reached, and a zoom follows', async () => {
    const page = await browser.open(file, 1280, 'light');
    const { said, slider, button, marks } = parts(page, 'percentiles');
    await slider.focus();
    await page.keyboard.press('End');
    expect(await said()).toBe('slow: 100 % within 1.80 ms');
    expect(await slider.getAttribute('aria-valuetext')).toBe('slow: 100 % within 1.80 ms');
    await page.keyboard.press('Home');
    expect(await said()).toMatch(/^(fast|slow): 0 % within/);
    const before = await marks();
    expect(before).toContain('99%');
    await page.keyboard.press('End');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    const zoomed = await marks();
    for (const mark of zoomed) expect(Number.parseFloat(mark)).toBeGreaterThan(96);
    // The slider takes the view along.
    await slider.focus();
    await page.keyboard.press('Home');
    expect(Math.max(...(await marks()).map(Number.parseFloat))).toBeLessThan(90);
    await button('Show all').click();
    expect(await marks()).toEqual(before);
    expect(await button('Zoom out').isDisabled()).toBe(true);
    await page.close();
  });

  test('a drag zooms to the chosen stretch, two clicks show all, and the marks are right', async () => {
    const page = await browser.open(file, 1280, 'light');
    const { card, marks } = parts(page, 'line');
    const before = await marks();
    await page.mouse.move(...(await inPicture(card, 0.5, 0.5)));
    await page.mouse.down();
    await page.mouse.move(...(await inPicture(card, 0.8, 0.5)), { steps: 4 });
    expect(await card.locator('.chosen').getAttribute('visibility')).toBe('visible');
    await page.mouse.up();
    const seen = (await marks()).map(Number.parseFloat);
    expect(Math.min(...seen)).toBeGreaterThan(1.5);
    expect(Math.max(...seen)).toBeLessThan(3.5);
    // The dot at 3 s lies where the axis has 3 s.
    const dot = await card.locator('[data-series="0"] .spot').nth(2).boundingBox();
    const axis = await card
      .locator('.ticks line')
      .evaluateAll((lines) =>
        lines.map(
          (line) => (line as unknown as { getBoundingClientRect(): { x: number } }).getBoundingClientRect().x,
        ),
      );
    const [first = 0, last = 0] = [axis[0], axis.at(-1)];
    const [low = 0, high = 0] = [seen[0], seen.at(-1)];
    const place = first + ((3 - low) / (high - low)) * (last - first);
    expect(Math.abs((dot?.x ?? 0) + (dot?.width ?? 0) / 2 - place)).toBeLessThan(2);
    await page.mouse.dblclick(...(await inPicture(card, 0.5, 0.3)));
    expect(await marks()).toEqual(before);
    await page.close();
  });

  test('a series is switched off and on, and its values with it', async () => {
    const page = await browser.open(file, 1280, 'light');
    const { card, said, button } = parts(page, 'line');
    const display = () =>
      page.evaluate(`getComputedStyle(document.querySelector('#line [data-series="1"]')).display`);
    expect(await display()).toBe('inline');
    await button('masks').click();
    expect(await button('masks').getAttribute('aria-pressed')).toBe('false');
    expect(await display()).toBe('none');
    await page.mouse.move(...(await inPicture(card, 0.97, 0.4)));
    expect(await said()).toBe('moves, time 4 s: 4.00 k/s');
    await button('masks').click();
    expect(await display()).toBe('inline');
    await page.mouse.move(...(await inPicture(card, 0.97, 0.71)));
    expect(await said()).toBe('masks, time 4 s: 500 /s');
    // What an event is has no switch.
    expect(await card.locator('.legend button').count()).toBe(2);
    await page.close();
  });

  test('the gap between two boots is cut: each has half of the axis, and the cut says how long it was', async () => {
    const page = await browser.open(file, 1280, 'light');
    const { card, said, slider } = parts(page, 'dots');
    expect(await card.locator('.cut').count()).toBe(1);
    expect(await card.locator('.cut title').textContent()).toBe(
      '9.00 s without a signal of these series is cut out',
    );
    const path = (await card.locator('.dots').getAttribute('d')) ?? '';
    const xs = [...path.matchAll(/M([\d.]+)/g)].map(([, x]) => Number(x));
    const [begin = 0, end = 0] = [xs[0], xs.at(-1)];
    const middle = ((xs[4] ?? 0) + (xs[5] ?? 0)) / 2;
    expect((middle - begin) / (end - begin)).toBeCloseTo(0.5, 1);
    await slider.focus();
    await page.keyboard.press('End');
    expect(await said()).toBe('irqfd: 10.0 µs, at 9.800 s');
    await page.close();
  });

  test('a phone shows the most important columns of a table, and all columns on demand; a click copies a cell', async () => {
    const page = await browser.open(file, 390, 'light');
    const table = page.locator('#table');
    const shown = async () => (await table.locator('th:visible').allTextContents()).join();
    expect(await shown()).toBe('times,kind,token');
    await table.getByText('all columns').click();
    expect(await shown()).toBe('times,kind,sites,steps,cause,token');
    await table.getByRole('button', { name: 'Copy the token' }).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('x1:<b>');
    await page.setViewportSize({ width: 1280, height: 900 });
    expect(await table.getByText('all columns').isVisible()).toBe(false);
    await page.close();
  });

  test.each([
    [390, 'light'],
    [390, 'dark'],
    [1280, 'light'],
    [1280, 'dark'],
  ] as const)(
    'zoomed, on %i px, %s, axe-core finds nothing and no text lies on another',
    async (width, scheme) => {
      const page = await browser.open(file, width, scheme);
      for (const id of ['line', 'percentiles', 'dots']) {
        await parts(page, id).slider.press('End');
        await parts(page, id).button('Zoom in').click();
      }
      await parts(page, 'line').button('masks').click();
      expect(await axeFaults(page)).toEqual([]);
      expect(await page.evaluate<Looks>(LOOKS)).toMatchObject({ outside: [], overlapping: [] });
      await page.close();
    },
  );
});

test('without the script a page has the charts and their tables, and nothing that only the script can work', () => {
  const [still = ''] = html.split("<script>'use strict';");
  expect(still).toContain('id="line"');
  expect(still).toContain('As a table');
  expect(still).not.toMatch(/class="tools"|<button(?![^>]* hidden)/);
});
