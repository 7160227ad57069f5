import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { axeFaults } from '../report/axe.ts';
import { Browser, CHROMIUM } from '../report/chromium.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const site = mkdtempSync(join(ROOT, 'dist/site-'));
afterAll(() => rmSync(site, { recursive: true, force: true }));

beforeAll(async () => {
  const typedoc = join(ROOT, 'node_modules/typedoc/bin/typedoc');
  await promisify(execFile)(process.execPath, [typedoc, '--out', site], { cwd: ROOT });
}, 240_000);

/** The pages of docs, and of each kind of the API's. */
const pages = () => [
  ...readdirSync(join(site, 'documents')).map((name) => `documents/${name}`),
  ...['modules/irqloom.html', 'functions/irqloom.boot.html', 'types/irqloom.BootOptions.html'],
  ...['classes/irqloom.IrqError.html', 'modules.html'],
];

test('every link of the site leads somewhere', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'build/links.mjs'), site]);
  expect(stdout).toMatch(/^\d{3,} pages, \d{4,} links, 0 lost\n$/);
});

test('a page of docs is called as its heading says', () => {
  const page = readFileSync(join(site, 'documents/docs_tutorial-race.html'), 'utf8');
  expect(page).toContain('<title>Tutorial: find a race in your worker code | irqloom</title>');
});

describe.skipIf(!CHROMIUM)('the site in a real browser', { timeout: 240_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await Browser.start();
  });
  afterAll(async () => {
    await browser?.close();
  });

  test('axe-core finds nothing on any page, on a phone and on a desk, light and dark', async () => {
    const ways = [
      [390, 'light'],
      [1280, 'dark'],
      [390, 'dark'],
      [1280, 'light'],
    ] as const;
    const looks = pages().map((page, index) => ({ page, ways: [ways[index % ways.length] ?? ways[0]] }));
    const faults: string[] = [];
    for (const look of [...looks, { page: 'index.html', ways }]) {
      for (const [width, scheme] of look.ways) {
        const page = await browser.open(join(site, look.page), width, scheme);
        const found = await axeFaults(page);
        faults.push(...found.map((fault) => `${look.page}, ${width} px, ${scheme}: ${fault}`));
        await page.close();
      }
    }
    expect(faults).toEqual([]);
  });

  test('one navigation leads to a tutorial, a decision and the API, by plain titles', async () => {
    const page = await browser.open(join(site, 'index.html'), 1280, 'light');
    const navigation = page.locator('#tsd-nav-container');
    for (const name of ['Begin', 'Use', 'API', 'How it works', 'Decisions', 'Project'])
      await navigation.getByText(name, { exact: true }).waitFor();
    // When the site's script has given the groups their work.
    await navigation.locator('details[data-has-instance]').first().waitFor();
    /** The site remembers which groups a visitor has opened, and pages of other tests were visited before. */
    const unfold = async (name: RegExp) => {
      const summary = page.locator('#tsd-nav-container summary', { hasText: name });
      await summary.focus();
      if (await summary.evaluate((node) => !node.parentElement?.hasAttribute('open')))
        await page.keyboard.press('Enter');
    };
    await unfold(/^Begin$/);
    await navigation.getByRole('link', { name: 'Install' }).waitFor();
    const titles = await navigation.locator('a').allTextContents();
    expect(titles.filter((title) => title.includes('docs/'))).toEqual([]);
    await navigation.getByRole('link', { name: 'Tutorial: find a race in your worker code' }).click();
    await page.locator('h1', { hasText: 'find a race' }).waitFor();
    await unfold(/^API$/);
    // A module opens by its name, and its first page is its own.
    await unfold(/^irqloom$/);
    const overview = page.locator('#tsd-nav-container details[open] a', { hasText: 'Overview' }).first();
    await overview.click();
    await page.waitForURL(/modules\/irqloom\.html/);
    await page.close();
  });
});
