import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { COUNT_COLOURS } from './in-page.ts';

/** Where Chromium lies, or undefined where there is none: CHROMIUM names another place. */
export const CHROMIUM = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== '' && existsSync(path),
);

if (!CHROMIUM) console.warn('no Chromium here: reports are not looked at in a browser');

/** Headless, with no network of its own. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser, with the complaints and the network requests of its pages. */
export class Browser {
  readonly context: BrowserContext;
  readonly #profile: string;
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, profile: string) {
    this.context = context;
    this.#profile = profile;
    context.on('console', (message) => this.complaints.push(`${message.type()}: ${message.text()}`));
    context.on('weberror', (error) => this.complaints.push(String(error.error())));
    context.on('request', (request) => {
      if (!/^(file|data|about):/.test(request.url())) this.complaints.push(`loads ${request.url()}`);
    });
  }

  static async start(): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), 'irqloom-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM ?? '',
      headless: true,
      args: FLAGS,
    });
    return new Browser(context, profile);
  }

  /** A page of a file, as wide as a phone or a desk. */
  async open(file: string, width: number, scheme: 'light' | 'dark'): Promise<Page> {
    const page = await this.context.newPage();
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    await page.goto(`file://${file}`);
    return page;
  }

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

/** How many pixels of a picture are of about each of some colours. */
export async function countColours(
  page: Page,
  png: Buffer,
  colours: readonly (readonly [number, number, number])[],
): Promise<number[]> {
  const source = `data:image/png;base64,${png.toString('base64')}`;
  return page.evaluate(`(${COUNT_COLOURS})(${JSON.stringify(source)}, ${JSON.stringify(colours)})`);
}
