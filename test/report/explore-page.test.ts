import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { irqloom } from '../cli/run.ts';
import { Browser, CHROMIUM } from './chromium.ts';
import { IDS, LOOKS, type Looks } from './in-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-page-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SCENARIO = `
const add = (state) => {
  const seen = Atomics.load(state, 0);
  Atomics.store(state, 0, seen + 1); // <b>lost</b>
};
export default {
  name: 'count',
  setup: () => new Int32Array(new SharedArrayBuffer(8)),
  threads: { '<i>left': add, right: add },
  names: () => '"><script>alert(1)</script>',
  finally: (state) => {
    if (state[0] !== 2) throw new Error('<img src=x onerror=alert(2)> was lost');
  },
};
`;

let html = '';
let token = '';
beforeAll(async () => {
  const scenario = join(folder, 'count.mjs');
  writeFileSync(scenario, SCENARIO);
  const file = join(folder, 'count.html');
  const { status, stdout, stderr } = await irqloom(['explore', scenario, '--json', '--report', file]);
  if (status !== 1) throw new Error(`irqloom explore ended with ${status}: ${stderr}`);
  html = readFileSync(file, 'utf8');
  token = JSON.parse(stdout).failure.token;
});

test('names, messages and source stand in the page as text, in markup and in data', () => {
  expect(html).not.toMatch(/<img|<script>alert|<i>left|<b>lost/);
  expect(html).toContain('\\u003cscript>alert(1)\\u003c/script>');
  expect(html.match(/<script/g)).toHaveLength(2);
});

/** The page's view of its present step. */
const SHOWN = `({
  where: document.getElementById('where').textContent,
  does: document.getElementById('does').textContent,
  source: document.querySelector('#source b')?.textContent.trim() ?? '',
  words: [...document.querySelectorAll('#words tr')].map((row) => [...row.cells].map((cell) => cell.textContent).join('=') + (row.className === 'changed' ? '!' : '')),
  told: document.getElementById('told-name').textContent,
  ends: document.getElementById('told-ends').textContent,
  current: document.querySelectorAll('#stepper [aria-current]').length,
  others: [...document.querySelectorAll('#others button')].map((button) => button.textContent),
  lane: document.querySelector('tr[data-step].at')?.dataset.step ?? '',
})`;

type Shown = {
  readonly where: string;
  readonly does: string;
  readonly source: string;
  readonly words: readonly string[];
  readonly told: string;
  readonly ends: string;
  readonly current: number;
  readonly others: readonly string[];
  readonly lane: string;
};

const shown = (page: Page) => page.evaluate<Shown>(SHOWN);
const WORD = '"><script>alert(1)</script>';

describe.skipIf(!CHROMIUM)('the page of a failure in a real browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await Browser.start();
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  });
  afterAll(async () => {
    await browser?.close();
  });

  const open = (width = 1280, scheme: 'light' | 'dark' = 'light') =>
    browser.open(join(folder, 'count.html'), width, scheme);

  test('arrow keys, Home and End go through the schedule, with its words and its source', async () => {
    const page = await open();
    expect(await shown(page)).toMatchObject({
      where: 'before step 1 of 4',
      words: [`${WORD}=0`],
      current: 0,
    });
    await page.keyboard.press('ArrowRight');
    expect(await shown(page)).toMatchObject({
      where: 'step 1 of 4',
      does: `<i>left  load ${WORD} = 0`,
      source: '3    const seen = Atomics.load(state, 0);',
      words: [`${WORD}=0`],
      lane: '1',
    });
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await shown(page)).toMatchObject({
      where: 'step 3 of 4',
      source: '4    Atomics.store(state, 0, seen + 1); // <b>lost</b>',
      words: [`${WORD}=1 (was 0)!`],
      current: 1,
    });
    await page.keyboard.press('End');
    expect(await shown(page)).toMatchObject({ where: 'step 4 of 4', words: [`${WORD}=1`], others: [] });
    await page.keyboard.press('ArrowRight');
    expect((await shown(page)).where).toBe('step 4 of 4');
    await page.keyboard.press('ArrowLeft');
    expect((await shown(page)).where).toBe('step 3 of 4');
    await page.keyboard.press('Home');
    expect((await shown(page)).where).toBe('before step 1 of 4');
    await page.close();
  });

  test('buttons, steps in the list and rows of the picture can be clicked', async () => {
    const page = await open();
    await page.click('[data-go=last]');
    expect((await shown(page)).where).toBe('step 4 of 4');
    expect(await page.isDisabled('[data-go=on]')).toBe(true);
    await page.click('[data-go=back]');
    expect((await shown(page)).where).toBe('step 3 of 4');
    await page.click('#told li:nth-child(2) button');
    expect(await shown(page)).toMatchObject({ where: 'step 2 of 4', lane: '2' });
    await page.click('tr[data-step="4"] th');
    expect((await shown(page)).where).toBe('step 4 of 4');
    await page.click('[data-go=first]');
    expect((await shown(page)).where).toBe('before step 1 of 4');
    await page.close();
  });

  test('another thread is let on by the keyboard alone, and the way leads back', async () => {
    const page = await open();
    await page.keyboard.press('ArrowRight');
    const { others } = await shown(page);
    expect(others).toEqual(['<i>left goes on: passes']);
    await page.focus('#others button');
    await page.keyboard.press('Enter');
    // That is the nearest that passes, which has a list of its own beside the failing one.
    expect(await shown(page)).toMatchObject({
      where: 'step 2 of 4, the schedule that passes',
      words: [`${WORD}=1 (was 0)!`],
      told: 'The schedule that fails',
    });
    await page.keyboard.press('End');
    expect((await shown(page)).words).toEqual([`${WORD}=2 (was 1)!`]);
    await page.click('#told li:nth-child(2) button');
    expect((await shown(page)).others).toEqual([
      '<i>left goes on: exception: after the last thread has ended: <img src=x onerror=alert(2)> was lost',
    ]);
    await page.focus('#others button');
    await page.keyboard.press('Enter');
    expect(await shown(page)).toMatchObject({
      where: 'step 3 of 4, what if',
      told: 'What if <i>left goes on at step 3',
      ends: 'exception: after the last thread has ended: <img src=x onerror=alert(2)> was lost',
      current: 1,
    });
    expect(await page.evaluate('document.activeElement.id')).toBe('home');
    await page.keyboard.press('Enter');
    expect(await shown(page)).toMatchObject({ where: 'step 2 of 4', told: 'The schedule that fails' });
    await page.close();
  });

  test('a click copies the token', async () => {
    const page = await open();
    await page.click('#repeat [data-copy]');
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(token);
    expect(await page.textContent('#repeat [data-copy]')).toBe('Copied');
    await page.close();
  });

  test.each([
    [390, 'light'],
    [390, 'dark'],
    [1280, 'light'],
    [1280, 'dark'],
  ] as const)('nothing is wider than %i px, and text is readable, %s', async (width, scheme) => {
    const page = await open(width, scheme);
    for (const go of ['last', 'back', 'back']) await page.click(`[data-go=${go}]`);
    expect((await page.evaluate<Looks>(LOOKS)).wide).toBeLessThanOrEqual(width);
    expect(await page.evaluate<string[]>(UNREADABLE)).toEqual([]);
    const ids = await page.evaluate<string[]>(IDS);
    expect(new Set(ids).size).toBe(ids.length);
    expect(browser.complaints).toEqual([]);
    await page.evaluate(
      `document.getElementById('does').style.color = getComputedStyle(document.body).backgroundColor`,
    );
    expect(await page.evaluate<string[]>(UNREADABLE)).not.toEqual([]);
    await page.close();
  });

  test('without its script the page has the picture and no empty card', async () => {
    const file = join(folder, 'still.html');
    writeFileSync(file, html.replace("'use strict';", "'use strict' ;"));
    const still = await Browser.start();
    const page = await still.open(file, 800, 'light');
    expect(await page.isVisible('#lanes')).toBe(true);
    expect(await page.isVisible('#stepper')).toBe(false);
    // Chromium says that no script ran that the page does not name by its hash.
    expect(still.complaints.join()).toMatch(/Content Security Policy/);
    await page.close();
    await still.close();
  });
});

/** Texts of the card whose contrast with what is behind is below 4.5, the least of WCAG 2 AA. */
const UNREADABLE = `(() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.getElementById('stepper'), NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() === '' || element.closest('style, [hidden], :disabled')) continue;
    const [a, b] = [light(colour(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(element.tagName + ' ' + element.textContent);
  }
  return found;
})()`;
