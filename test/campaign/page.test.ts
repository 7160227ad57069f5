import { afterEach, describe, expect, test } from 'vitest';
import { Browser, CHROMIUM } from '../report/chromium.ts';
import { Folder, type Process } from './campaigns.ts';

const CAMPAIGN = {
  name: 'a <page>',
  jobSeconds: 0.2,
  items: [
    { scenario: 'two-causes.mjs', strategy: 'dfs' },
    { scenario: 'add-3x10', strategy: 'dfs' },
  ],
};

describe('the page of a campaign', () => {
  const folder = new Folder(CAMPAIGN);
  let process: Process | undefined;
  afterEach(async () => {
    process?.kill('SIGKILL');
    await process?.ended;
  });

  /** The address that the command prints. */
  async function serve(where: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const started = folder.startWith(env, '--anew', '--jobs', '1', '--serve', where);
    process = started;
    let address = '';
    await started.endsBefore(async () => {
      address = /the campaign as a page: (\S+)/.exec(started.output)?.[1] ?? '';
      return address !== '';
    });
    expect(address, started.output).not.toBe('');
    return address;
  }

  test('the page of a campaign is for this machine alone, and has JSON and OpenMetrics beside it', {
    timeout: 120_000,
  }, async () => {
    const address = await serve('0');
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    await process?.endsBefore(async () => (await folder.jobsDone()) > 3);
    const page = await fetch(address);
    expect(page.headers.get('refresh')).toBe('2');
    expect(await page.text()).toContain('Campaign a &lt;page&gt;');
    const status = (await (await fetch(`${address}status.json`)).json()) as { command: string };
    expect(status.command).toBe('campaign');
    const metrics = await (await fetch(`${address}metrics`)).text();
    expect(metrics).toMatch(/^irqloom_campaign_schedules_total\{item="two-causes.mjs, dfs"\} \d+$/m);
    expect(metrics.endsWith('# EOF\n')).toBe(true);
    expect((await fetch(`${address}other`)).status).toBe(404);
    expect((await fetch(address, { method: 'POST' })).status).toBe(405);
    expect(await statusFor(address, 'evil.example')).toBe(401);
    expect(await statusFor(address, 'localhost')).toBe(200);
  });

  test('wants a token where other machines reach it', { timeout: 120_000 }, async () => {
    const address = await serve('0.0.0.0:0', { IRQLOOM_TOKEN: 's3cret' });
    expect(address).toMatch(/\?token=s3cret$/);
    const open = new URL(address);
    open.hostname = '127.0.0.1';
    expect((await fetch(open)).status).toBe(200);
    open.search = '?token=s3creT';
    expect((await fetch(open)).status).toBe(401);
    open.search = '';
    expect((await fetch(open)).status).toBe(401);
    expect((await fetch(open, { headers: { authorization: 'Bearer s3cret' } })).status).toBe(200);
  });

  test.skipIf(CHROMIUM === undefined)(
    'shows failures as they come, in Chromium',
    { timeout: 180_000 },
    async () => {
      const address = await serve('0');
      const browser = await Browser.start();
      try {
        const page = await browser.context.newPage();
        await page.goto(address);
        await page.waitForSelector('text=stuck: left at wait of s.words[2]', { timeout: 100_000 });
        expect(await page.title()).toBe('Campaign a <page> · irqloom');
        expect(await page.locator('#items tbody tr').count()).toBe(2);
        expect(await page.locator('.verdict').textContent()).toBe('1 of 2 items failing');
        expect(browser.complaints.filter((text) => !text.startsWith('loads http://127.0.0.1:'))).toEqual([]);
      } finally {
        await browser.close();
      }
      folder.remove();
    },
  );
});

/** The status of a request under another name of the host, as a page of another site would make it. */
async function statusFor(address: string, host: string): Promise<number> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    request(address, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}
