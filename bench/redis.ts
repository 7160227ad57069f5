/** A Redis server of a test's or a benchmark's own, from Debian's package. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** Why the tests of fleets are skipped; undefined where they run. */
export const NO_REDIS = (() => {
  try {
    execFileSync('redis-server', ['--version']);
    return undefined;
  } catch {
    return 'no redis-server here (apt-get install redis-server): nothing of fleets is tested or measured';
  }
})();
if (NO_REDIS !== undefined) console.warn(NO_REDIS);

const PASSWORD = 'p4ss-w0rd';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A server that writes each command to its append-only file, and asks for a password. */
export class RedisServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'irqloom-redis-'));
  readonly port: number;
  readonly #fsync: string;
  #server: ReturnType<typeof spawn>;

  /**
   * @param fsync - when the server writes the file through: `always` loses nothing, `everysec` is the setting of most servers
   */
  static async start(fsync: 'always' | 'everysec' = 'always'): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), fsync);
    await server.client().then((client) => client.quit());
    return server;
  }

  private constructor(port: number, fsync: string) {
    this.port = port;
    this.#fsync = fsync;
    this.#server = this.#spawn();
  }

  get url(): string {
    return `redis://:${PASSWORD}@127.0.0.1:${this.port}`;
  }

  /** A connection of the test's own. */
  async client(): Promise<Redis> {
    const client = new Redis(this.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    await client.ping();
    return client;
  }

  /** Ends the server at once, and starts another over the same files. */
  async restart(): Promise<void> {
    await this.#kill();
    this.#server = this.#spawn();
    const client = await this.client();
    await client.quit();
  }

  async stop(): Promise<void> {
    await this.#kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#server.once('close', resolve));
    this.#server.kill('SIGKILL');
    await ended;
  }

  #spawn(): ReturnType<typeof spawn> {
    const words = `--port ${this.port} --bind 127.0.0.1 --save  --appendonly yes --appendfsync ${this.#fsync} --requirepass ${PASSWORD}`;
    return spawn('redis-server', [...words.split(' '), '--dir', this.#folder], { stdio: 'ignore' });
  }
}
