import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IrqError } from '../../base/irq-error.ts';
import { readThrown } from '../../base/thrown.ts';
import type { Item, Job } from '../item.ts';
import type { JobAnswer } from '../job.ts';

/** All campaigns of a server share one queue, and workers take their jobs in turn. */
export const QUEUE = 'irqloom';
/** In braces, so that a cluster keeps all keys on one node, as BullMQ needs. */
export const PREFIX = '{irqloom}';
/** A hash: a worker's name, and {@link Seen} as JSON. */
export const WORKERS = `${PREFIX}:workers`;
/** The code under test by its hash: compressed bytes. */
export const codeKey = (hash: string): string => `${PREFIX}:code:${hash}`;

/** A job in the queue. */
export type FleetJob = {
  readonly campaign: string;
  /** Hash of the conductor's irqloom; a worker with another irqloom refuses. */
  readonly irqloom: string;
  /** Hash of the code under test. */
  readonly code: string;
  readonly slice: number;
  readonly limit?: number;
  readonly job: Job;
  readonly item: Item;
};

/** A worker's answer to the queue. */
export type FleetAnswer = { readonly worker: string; readonly answer: JobAnswer };

/** A worker's report about itself, once a second. */
export type Seen = {
  readonly slots: number;
  readonly busy: number;
  readonly done: number;
  readonly refuses?: string;
  /** Unix time, ms. */
  readonly at: number;
};

/** A worker that has said nothing for so long is gone, ms. */
export const GONE_MS = 10_000;

/** The name of a job in the queue. BullMQ allows no colon in a name. */
export const jobName = (campaign: string, { id }: Pick<Job, 'id'>): string => `${campaign}-${id}`;

/** This copy of irqloom: its version, and a hash of all its modules, since a version may be built twice. */
export function ownFingerprint(): string {
  const folder = fileURLToPath(new URL('../../', import.meta.url));
  const hash = createHash('sha256');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((each) => /\.[jt]s$/.test(each) && !each.endsWith('.d.ts')).sort())
    hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  const manifest = new URL(
    import.meta.url.includes('/dist/') ? '../../../../package.json' : '../../../package.json',
    import.meta.url,
  );
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return `${version}-${hash.digest('hex').slice(0, 12)}`;
}

type FleetPackages = Pick<typeof import('bullmq'), 'Queue' | 'QueueEvents' | 'Worker' | 'DelayedError'> &
  Pick<typeof import('ioredis'), 'Redis'>;

/** The packages that only a fleet needs. @throws IrqError `ERR_UNSUPPORTED` where they are not installed */
export async function fleetPackages(): Promise<FleetPackages> {
  try {
    const [{ Queue, QueueEvents, Worker, DelayedError }, { Redis }] = await Promise.all([
      import('bullmq'),
      import('ioredis'),
    ]);
    return { Queue, QueueEvents, Worker, DelayedError, Redis };
  } catch (error) {
    throw new IrqError(
      'ERR_UNSUPPORTED',
      `--redis needs two packages that irqloom does not bring along: npm install bullmq ioredis (${readThrown(error).message.split('\n')[0]})`,
    );
  }
}
