import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { IrqError, toPlain } from '../../base/irq-error.ts';
import { unpackCode } from '../bundle.ts';
import { JobThreads } from '../job-thread.ts';
import { connect } from './connection.ts';
import {
  codeKey,
  type FleetAnswer,
  type FleetJob,
  fleetPackages,
  ownFingerprint,
  PREFIX,
  QUEUE,
  type Seen,
  WORKERS,
} from './protocol.ts';

export type FleetWorkerOptions = {
  /** Threads that do jobs. */
  readonly threads: number;
  /** A worker that has not renewed its hold on a job for so long has lost the job to others, s. */
  readonly lockSeconds: number;
  readonly signal: AbortSignal;
  /** Says something that the user should know: a refusal, a server that is gone. */
  readonly say: (text: string) => void;
};

/** A job that takes so many workers down is given up. Many, since workers of a fleet also die for reasons of their own. */
const MOST_DEATHS = 9;
const SEEN_MS = 1_000;
/** A job of other code comes back to the queue after so long, for a worker that has that code, ms. */
const REFUSED_MS = 1_000;

/**
 * Does jobs of all campaigns of a Redis server until the signal aborts; jobs under way then end early, with
 * their findings so far.
 * @throws IrqError `ERR_REDIS`, `ERR_UNSUPPORTED`
 */
export async function serveFleet(url: string, options: FleetWorkerOptions): Promise<void> {
  const { Worker, DelayedError } = await fleetPackages();
  const redis = await connect(url);
  const taking = redis.duplicate();
  const self = new FleetWorker(redis, options);
  const { threads, lockSeconds, signal, say } = options;
  const worker = new Worker<FleetJob, FleetAnswer>(
    QUEUE,
    async (job, token) => {
      if (self.refuses(job)) {
        await job.moveToDelayed(Date.now() + REFUSED_MS, token);
        throw new DelayedError();
      }
      return self.perform(job.data);
    },
    {
      connection: taking,
      prefix: PREFIX,
      concurrency: threads,
      name: self.name,
      lockDuration: lockSeconds * 1000,
      stalledInterval: lockSeconds * 1000,
      maxStalledCount: MOST_DEATHS,
    },
  );
  let said = '';
  worker.on('error', ({ message }) => {
    // Once for each new trouble: a server that is gone would fill the log.
    if (message !== said) say(message);
    said = message;
  });
  try {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    self.stop();
    await worker.close();
  } finally {
    await self.close();
    taking.disconnect();
    redis.disconnect();
  }
}

class FleetWorker {
  readonly name = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  readonly #redis: Redis;
  readonly #options: FleetWorkerOptions;
  readonly #threads: JobThreads;
  readonly #irqloom = ownFingerprint();
  readonly #cache = mkdtempSync(join(tmpdir(), 'irqloom-code-'));
  readonly #roots = new Map<string, Promise<string>>();
  readonly #timer: NodeJS.Timeout;
  #busy = 0;
  #done = 0;
  #refuses: string | undefined;

  constructor(redis: Redis, options: FleetWorkerOptions) {
    this.#redis = redis;
    this.#options = options;
    this.#threads = new JobThreads({ threads: options.threads });
    this.#timer = setInterval(() => void this.#showSelf(), SEEN_MS);
    void this.#showSelf();
  }

  /** Whether the job is of another irqloom: its counts would not add up with those of this one. */
  refuses({ data }: Job<FleetJob, FleetAnswer>): boolean {
    if (data.irqloom === this.#irqloom) return false;
    const why = `the campaign is conducted by irqloom ${data.irqloom}, and this worker is ${this.#irqloom}`;
    if (this.#refuses !== why) this.#options.say(`refused a job of campaign ${data.campaign}: ${why}`);
    this.#refuses = why;
    return true;
  }

  async perform({ job, item, slice, limit, code }: FleetJob): Promise<FleetAnswer> {
    this.#busy++;
    try {
      const root = await this.#rootOf(code);
      const answer = await this.#threads.run({ job, item, slice, limit, root });
      return { worker: this.name, answer };
    } catch (error) {
      return { worker: this.name, answer: { error: toPlain(error) } };
    } finally {
      this.#busy--;
      this.#done++;
    }
  }

  stop(): void {
    this.#threads.stop();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#threads.close();
    rmSync(this.#cache, { recursive: true, force: true });
    if (this.#redis.status === 'ready') await this.#redis.hdel(WORKERS, this.name);
  }

  #rootOf(hash: string): Promise<string> {
    const known = this.#roots.get(hash);
    if (known !== undefined) return known;
    const root = this.#fetch(hash);
    this.#roots.set(hash, root);
    root.catch(() => this.#roots.delete(hash));
    return root;
  }

  async #fetch(hash: string): Promise<string> {
    const bytes = await this.#redis.getBuffer(codeKey(hash));
    if (bytes === null)
      throw new IrqError('ERR_REDIS', `the code under test, ${hash.slice(0, 12)}, is not on the server`);
    return unpackCode(bytes, hash, this.#cache);
  }

  async #showSelf(): Promise<void> {
    const seen: Seen = {
      slots: this.#options.threads,
      busy: this.#busy,
      done: this.#done,
      ...(this.#refuses === undefined ? {} : { refuses: this.#refuses }),
      at: Date.now(),
    };
    if (this.#redis.status === 'ready')
      await this.#redis.hset(WORKERS, this.name, JSON.stringify(seen)).catch(() => 0);
  }
}
