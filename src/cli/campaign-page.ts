import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import type { CampaignResult } from '../campaign/index.ts';
import { campaignHtml } from '../report/campaign-html.ts';
import { campaignMetrics } from '../report/campaign-text.ts';

type Address = { readonly host: string; readonly port: number };

const LOCAL = '127.0.0.1';
const PORT = 8642;
/** The page asks to be loaded again after so many seconds. */
const REFRESH_S = 2;

export function serveOption(): Option {
  return new Option(
    '--serve [where]',
    `show the campaign as a page, and OpenMetrics at /metrics, on PORT or HOST:PORT (default ${LOCAL}:${PORT}; 0 takes a free port); an address that other machines reach needs the token that is printed, or IRQLOOM_TOKEN`,
  )
    .preset(String(PORT))
    .argParser(addressOf);
}

function addressOf(text: string): Address {
  const [, host = LOCAL, digits = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535)
    throw new IrqError('ERR_USAGE', `--serve ${text}: give PORT or HOST:PORT, such as 8642 or 0.0.0.0:8642`);
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

const isLocal = (host: string) => /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host);

/** A web server that shows the last result: the page at `/`, JSON at `/status.json`, OpenMetrics at `/metrics`. */
export class CampaignPage {
  readonly #server: Server;
  readonly #token: string | undefined;
  #result: CampaignResult;

  /** @throws IrqError `ERR_USAGE` where the address cannot be had */
  static async open({ host, port }: Address, result: CampaignResult): Promise<CampaignPage> {
    const token = isLocal(host) ? undefined : (process.env.IRQLOOM_TOKEN ?? randomBytes(16).toString('hex'));
    const page = new CampaignPage(result, token);
    await new Promise<void>((resolve, reject) => {
      page.#server.once('error', (error) =>
        reject(new IrqError('ERR_USAGE', `--serve ${host}:${port}: ${error.message}`)),
      );
      page.#server.listen(port, host, resolve);
    });
    // The page lives as long as the campaign, and no longer.
    page.#server.unref();
    return page;
  }

  private constructor(result: CampaignResult, token: string | undefined) {
    this.#result = result;
    this.#token = token;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** With the token, where one is needed. */
  get address(): string {
    const { address, port } = this.#server.address() as { address: string; port: number };
    const host = address.includes(':') ? `[${address}]` : address;
    return `http://${host}:${port}/${this.#token === undefined ? '' : `?token=${this.#token}`}`;
  }

  show(result: CampaignResult): void {
    this.#result = result;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://campaign');
    const say = (status: number, type: string, body: string, more: Record<string, string> = {}) => {
      response.writeHead(status, {
        'content-type': type,
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        ...more,
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const text = 'text/plain; charset=utf-8';
    if (!this.#mayRead(request, url))
      say(401, text, 'this page needs the token that irqloom campaign has printed\n');
    else if (request.method !== 'GET' && request.method !== 'HEAD') say(405, text, 'GET, and nothing else\n');
    else if (url.pathname === '/') {
      const refresh: Record<string, string> =
        this.#result.state === 'open' ? { refresh: String(REFRESH_S) } : {};
      say(200, 'text/html; charset=utf-8', campaignHtml(this.#result), refresh);
    } else if (url.pathname === '/status.json')
      say(200, 'application/json', `${JSON.stringify(this.#result)}\n`);
    else if (url.pathname === '/metrics')
      say(200, 'application/openmetrics-text; version=1.0.0; charset=utf-8', campaignMetrics(this.#result));
    else say(404, text, 'there is /, /status.json and /metrics\n');
  }

  /**
   * Local: a page of another site must not read the campaign under a host name of that site. Else: the token, as a parameter
   * or a header.
   */
  #mayRead({ headers }: IncomingMessage, url: URL): boolean {
    if (this.#token === undefined) return isLocal(hostOf(headers.host ?? ''));
    const [, bearer] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    const given = Buffer.from(url.searchParams.get('token') ?? bearer ?? '');
    const right = Buffer.from(this.#token);
    return given.length === right.length && timingSafeEqual(given, right);
  }
}

function hostOf(header: string): string {
  return header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
