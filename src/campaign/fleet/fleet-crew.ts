import type { Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Code, toBytes } from '../bundle.ts';
import type { Crew, CrewAnswer, CrewJob, WorkerSeen } from '../crew.ts';
import type { Job } from '../item.ts';
import { Mailbox } from '../mailbox.ts';
import { connect } from './connection.ts';
import {
  codeKey,
  type FleetAnswer,
  type FleetJob,
  fleetPackages,
  GONE_MS,
  jobName,
  ownFingerprint,
  PREFIX,
  QUEUE,
  type Seen,
  WORKERS,
} from './protocol.ts';

/** How often to look for ends of jobs that no event told of, for jobs that the server has lost, and for workers, ms. */
const SWEEP_MS = 2_000;
/** The code under test stays so long on the server after the conductor was last seen, s. */
const CODE_S = 86_400;
/** So many jobs are looked at in one round trip. */
const BATCH = 500;
/** Jobs given for each thread of a worker, so that no thread waits for the conductor. */
const AHEAD = 2;
const LEAST_ROOM = 32;

export type FleetOptions = { readonly code: Code; readonly slice: number; readonly campaign: string };

/**
 * The workers of a Redis server. The server holds only jobs that are given and not yet answered: after a loss
 * of all data, the crew gives the server the jobs again. Each answer stays in its job until the conductor has
 * written it down.
 */
export class FleetCrew implements Crew {
  readonly #connections: readonly Redis[];
  readonly #redis: Redis;
  readonly #queue: Queue<FleetJob, FleetAnswer>;
  readonly #events: QueueEvents;
  readonly #options: FleetOptions;
  readonly #irqloom = ownFingerprint();
  readonly #given = new Map<string, CrewJob>();
  readonly #answers = new Mailbox<CrewAnswer>();
  readonly #stalls = new Map<string, number>();
  /** Jobs that go to the server together. */
  #batch: string[] | undefined;
  /** This campaign's work on the server, one after the other. */
  #chain: Promise<unknown> = Promise.resolve();
  #seen: WorkerSeen[] = [];
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** @throws IrqError `ERR_REDIS`, `ERR_UNSUPPORTED` */
  static async open(url: string, options: FleetOptions): Promise<FleetCrew> {
    const { Queue, QueueEvents } = await fleetPackages();
    const redis = await connect(url);
    const events = redis.duplicate();
    const queue = new Queue<FleetJob, FleetAnswer>(QUEUE, { connection: redis, prefix: PREFIX });
    const crew = new FleetCrew(
      [redis, events],
      queue,
      new QueueEvents(QUEUE, { connection: events, prefix: PREFIX }),
      options,
    );
    await crew.#begin();
    return crew;
  }

  private constructor(
    connections: readonly [commands: Redis, events: Redis],
    queue: Queue<FleetJob, FleetAnswer>,
    events: QueueEvents,
    options: FleetOptions,
  ) {
    this.#connections = connections;
    [this.#redis] = connections;
    this.#queue = queue;
    this.#events = events;
    this.#options = options;
  }

  get slots(): number {
    return this.#seen.reduce((sum, { slots, refuses }) => sum + (refuses === undefined ? slots : 0), 0);
  }

  get room(): number {
    return Math.max(LEAST_ROOM, AHEAD * this.slots);
  }

  give(job: CrewJob): void {
    const name = jobName(this.#options.campaign, job.job);
    this.#given.set(name, job);
    if (this.#batch === undefined) {
      const batch: string[] = [];
      this.#batch = batch;
      this.#then(() => this.#addAll(batch));
    }
    this.#batch.push(name);
  }

  next(): Promise<CrewAnswer | undefined> {
    return this.#answers.take(() => this.#stopped);
  }

  settled(job: Job): void {
    const name = jobName(this.#options.campaign, job);
    this.#given.delete(name);
    this.#stalls.delete(name);
    // A job that is given again comes after its removal.
    this.#batch = undefined;
    this.#then(() => this.#queue.remove(name));
  }

  workers(): readonly WorkerSeen[] {
    return this.#seen;
  }

  /** Takes jobs that no worker has begun off the queue. Those under way keep their answers on the server, for a conductor that resumes. */
  stop(): void {
    this.#stopped = true;
    for (const name of this.#given.keys()) this.#then(() => this.#queue.remove(name));
    this.#answers.wake();
  }

  /** Waits until the server has all jobs that were given. */
  async drained(): Promise<void> {
    await this.#chain;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    // A server that is gone is not waited for.
    const bound = new Promise((resolve) => setTimeout(resolve, GONE_MS).unref());
    await Promise.race([this.drained(), bound]);
    await Promise.race([Promise.all([this.#events.close(), this.#queue.close()]), bound]).catch(
      () => undefined,
    );
    for (const connection of this.#connections) connection.disconnect();
  }

  async #begin(): Promise<void> {
    // Errors of a connection that BullMQ is making again: the next sweep repeats the work that failed.
    this.#queue.on('error', () => {});
    this.#events.on('error', () => {});
    this.#events.on('completed', ({ jobId, returnvalue }) => this.#hear(jobId, returnvalue as unknown));
    this.#events.on('failed', ({ jobId, failedReason }) => this.#hearDeath(jobId, failedReason));
    this.#events.on('stalled', ({ jobId }) => {
      if (this.#given.has(jobId)) this.#stalls.set(jobId, (this.#stalls.get(jobId) ?? 0) + 1);
    });
    await this.#putCode();
    await this.#lookForWorkers();
    await this.#events.waitUntilReady();
    this.#timer = setInterval(() => this.#then(() => this.#sweep()), SWEEP_MS);
  }

  #then(act: () => Promise<unknown>): void {
    this.#chain = this.#chain.then(act).catch(() => undefined);
  }

  async #putCode(): Promise<void> {
    const { code } = this.#options;
    await this.#redis.setex(codeKey(code.hash), CODE_S, await toBytes(code));
  }

  async #addAll(names: string[]): Promise<void> {
    if (this.#batch === names) this.#batch = undefined;
    await this.#queue.addBulk(
      names.flatMap((name) => {
        const given = this.#given.get(name);
        return given === undefined ? [] : [{ name: 'job', data: this.#dataOf(given), opts: { jobId: name } }];
      }),
    );
  }

  #dataOf({ job, item, limit }: CrewJob): FleetJob {
    const { campaign, code, slice } = this.#options;
    return {
      campaign,
      irqloom: this.#irqloom,
      code: code.hash,
      slice,
      ...(limit === undefined ? {} : { limit }),
      job,
      item,
    };
  }

  #hear(name: string, returned: unknown): void {
    const given = this.#given.get(name);
    if (given === undefined) return;
    this.#given.delete(name);
    const { worker, answer } = (
      typeof returned === 'string' ? JSON.parse(returned) : returned
    ) as FleetAnswer;
    this.#answers.put({ job: given.job, worker, answer, retried: this.#stalls.get(name) ?? 0 });
  }

  /** The queue has given a job up, because the job took down one worker after the other. */
  #hearDeath(name: string, reason: string): void {
    const given = this.#given.get(name);
    if (given === undefined) return;
    this.#given.delete(name);
    const error = { name: 'Error', message: `the workers that did the job died: ${reason}` };
    const retried = this.#stalls.get(name) ?? 0;
    this.#answers.put({ job: given.job, worker: '', answer: { error }, retried, isFinal: true });
  }

  async #sweep(): Promise<void> {
    await this.#lookForWorkers();
    if ((await this.#redis.expire(codeKey(this.#options.code.hash), CODE_S)) === 0) await this.#putCode();
    const names = [...this.#given.keys()];
    for (let at = 0; at < names.length; at += BATCH) await this.#lookAt(names.slice(at, at + BATCH));
  }

  async #lookAt(names: readonly string[]): Promise<void> {
    const reads = this.#redis.pipeline();
    for (const name of names) reads.hmget(this.#queue.toKey(name), 'timestamp', 'finishedOn');
    const answers = (await reads.exec()) ?? [];
    for (const [i, [error, fields]] of answers.entries()) {
      const name = names[i] ?? '';
      const given = this.#given.get(name);
      if (error !== null || given === undefined) continue;
      const [made, finished] = fields as (string | null)[];
      if (made === null) await this.#addAll([name]);
      else if (finished !== null) await this.#fetch(name);
    }
  }

  /** A job that has ended, of which no event has told. */
  async #fetch(name: string): Promise<void> {
    const job = await this.#queue.getJob(name);
    if (job?.failedReason) this.#hearDeath(name, job.failedReason);
    else if (job !== undefined) this.#hear(name, job.returnvalue);
  }

  async #lookForWorkers(): Promise<void> {
    const now = Date.now();
    const all = Object.entries(await this.#redis.hgetall(WORKERS));
    const seen: WorkerSeen[] = [];
    for (const [name, text] of all) {
      const { at, ...worker } = JSON.parse(text) as Seen;
      if (now - at < GONE_MS) seen.push({ name, ...worker });
      else if (now - at > 10 * GONE_MS) await this.#redis.hdel(WORKERS, name);
    }
    this.#seen = seen.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
