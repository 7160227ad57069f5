import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestExploreHtml } from '../../src/report/guest-explore-html.ts';
import { guestsHtml } from '../../src/report/guests-html.ts';
import { irqloom } from '../cli/run.ts';
import { axeFaults } from './axe.ts';
import { Browser, CHROMIUM } from './chromium.ts';
import { LOOKS, type Looks } from './in-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-axe-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const RECORDING = path('data/guests/linux-2cpu-virtio.jsonl.gz');
const VECTOR = path('test/data/vectors-2/03-eoi-out-of-order.vec');

/** Widths change the layout, and schemes the colours, and neither changes the other's: so each is looked at once. */
const WAYS = [
  [390, 'light'],
  [1280, 'dark'],
] as const;

/** The commands that make each report, with their exit status. */
const COMMANDS: Readonly<Record<string, readonly [status: number, ...words: string[]]>> = {
  'stress-held': [0, 'stress', '-v', '2', '-d', '2', '-e', '2', '-s', '0.5', '--churn', 'light'],
  'stress-broken': [
    1,
    'stress',
    '-v',
    '2',
    '-d',
    '2',
    '-e',
    '2',
    '-s',
    '1',
    '--fault',
    'drop-kick',
    '--seed',
    '5',
  ],
  latency: [0, 'latency', '--source', 'irqfd', '-v', '2', '-d', '2', '-n', '64', '--boots', '1'],
  scale: [0, 'scale', '-v', '1,2', '-d', '1', '-l', '4,8', '-s', '0.1'],
  compare: [0, 'compare', '--abi', 'merged,rfc', '-s', '1'],
  'explore-failed': [1, 'explore', path('examples/lost-update.mjs')],
  'explore-held': [0, 'explore', 'check-then-halt.fixed'],
  races: [0, 'races', 'line-or-race', '--runs', '10', '--seconds', '5'],
  guests: [0, 'guests', 'ipi-self'],
  conform: [0, 'conform', VECTOR],
  'replay-guest': [0, 'replay-guest', RECORDING],
  'replay-threads': [0, 'replay-guest', RECORDING, '--threads', '--runs', '1'],
};

/** A saved run of `latency`, which `compare-runs` compares with itself. */
const savedRun = (): string =>
  JSON.stringify({
    schemaVersion: 1,
    command: 'latency',
    calibration: { steady: true },
    paths: [
      {
        source: 'irqfd',
        dispatch: 'inline',
        waiting: 'parked',
        ratio: { calibrationNs: 10 },
        blocks: Array.from({ length: 6 }, (_, boot) => ({ boot, p50: 100 + boot, p99: 200 + boot })),
      },
    ],
  });

/** Pages of results that no quick command gives. */
const MADE: Readonly<Record<string, () => string>> = {
  'guests-failed': () =>
    guestsHtml({
      schemaVersion: 1,
      command: 'guests',
      failed: 1,
      guests: [
        {
          ...{ name: 'ipi-self', vcpus: 1, expected: 1, delivered: 0, missing: 1, extra: 0 },
          ...{ unexpected: 0, spurious: 0, failure: null, seconds: 0.5 },
          wrong: [{ vcpu: 0, intid: 1, expected: 1, got: 0 }],
        },
      ],
    }),
  'explore-guest': () =>
    guestExploreHtml(
      {
        ...{ guest: 'bare', statement: '4 schedules', schedules: 4, schedulesPerSecond: 2 },
        ...{ instructions: 1000, seed: 1, strategy: 'random', verdict: 'pass' },
      } as unknown as Parameters<typeof guestExploreHtml>[0],
      undefined,
    ),
};

describe.skipIf(!CHROMIUM)('axe-core finds nothing', { timeout: 120_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await Browser.start();
    writeFileSync(join(folder, 'run.json'), savedRun());
  });
  afterAll(async () => {
    await browser?.close();
  });

  /** The faults of a page, on a phone and on a desk, light and dark, with all its tables shown. */
  async function faultsOf(file: string): Promise<string[]> {
    const page = await browser.open(file, 390, 'light');
    await page.evaluate(`document.querySelectorAll('details').forEach((each) => { each.open = true; })`);
    const faults: string[] = [];
    for (const [width, colorScheme] of WAYS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      const { wide } = await page.evaluate<Looks>(LOOKS);
      if (wide > width) faults.push(`${wide} px wide on ${width}`);
      faults.push(...(await axeFaults(page)).map((fault) => `${colorScheme}, ${width} px: ${fault}`));
    }
    await page.close();
    return faults;
  }

  test.each(Object.entries(COMMANDS))('on the report of %s', async (name, [status, ...words]) => {
    const file = join(folder, `${name}.html`);
    const ended = await irqloom([...words, '--report', file], undefined, {}, undefined, 110_000);
    expect(ended.status, ended.stderr).toBe(status);
    expect(await faultsOf(file)).toEqual([]);
  });

  test('on the report of compare-runs', async () => {
    const file = join(folder, 'compare-runs.html');
    const saved = join(folder, 'run.json');
    const { status, stderr } = await irqloom(['compare-runs', saved, saved, '--report', file]);
    expect(status, stderr).toBe(0);
    expect(await faultsOf(file)).toEqual([]);
  });

  test.each(Object.entries(MADE))('on the report of %s', async (name, make) => {
    const file = join(folder, `${name}.html`);
    writeFileSync(file, make());
    expect(await faultsOf(file)).toEqual([]);
  });

  test('axe-core finds the faults of a faulty page', async () => {
    const file = join(folder, 'faulty.html');
    writeFileSync(
      file,
      '<!doctype html><html><title>x</title><main><h1>x</h1><p style="color:#aaa;background:#fff">pale</p><img src="data:,"><button></button></main>',
    );
    const faults = (await faultsOf(file)).join('\n');
    for (const rule of ['color-contrast', 'image-alt', 'button-name', 'html-has-lang'])
      expect(faults).toContain(rule);
  });
});
