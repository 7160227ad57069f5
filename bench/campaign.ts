/**
 * Campaigns: the cost of a job beside its search, on threads of this process and over BullMQ; two threads against one, and
 * two workers over Redis against two threads; the memory of a server that holds 10,000 jobs; and the first limit of a fleet
 * of 1,000 workers.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { packCode } from '../src/campaign/bundle.ts';
import { jobName, PREFIX, QUEUE, WORKERS } from '../src/campaign/fleet/protocol.ts';
import { type Crew, conduct, FleetCrew, type Item, Ledger, LocalCrew } from '../src/campaign/index.ts';
import type { ItemOptions } from '../src/campaign/item.ts';
import { Sum } from '../src/campaign/sum.ts';
import type { Part } from '../src/explore/search/part.ts';
import { table } from '../src/report/table.ts';
import { size, time } from '../src/report/units.ts';
import { NO_REDIS, RedisServer } from './redis.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const JOBS_HELD = 10_000;
const MERGED = 2_000;
/** Of the model: workers of four threads, jobs of 20 s. */
const MODEL = { workers: 1_000, threads: 4, jobSeconds: 20 };

/** One campaign: the number of jobs, and per job its own time and the time spent beside, s. */
type Cost = {
  readonly jobs: number;
  readonly seconds: number;
  readonly own: number;
  readonly beside: number;
};
type Fleet = {
  readonly small: Cost;
  readonly large: Cost;
  /** Bytes of the server with {@link JOBS_HELD} jobs, and without. */
  readonly held: number;
  readonly empty: number;
  /** Jobs that the conductor gives to the server, hears the answers of, and removes, a second each. */
  readonly givenPerSecond: number;
  readonly heardPerSecond: number;
  readonly removedPerSecond: number;
  /** Processor time of the server for one small job, s. */
  readonly serverSeconds: number;
};

export type CampaignFigures = {
  readonly small: Cost;
  readonly alone: Cost;
  readonly large: Cost;
  readonly fleet: Fleet | string;
  /** Results that the conductor adds up and writes down, a second. */
  readonly mergedPerSecond: number;
};

/** Blocks of schedules that take a few ms each, a job each: as small as a job gets. */
const SMALL: Item = itemOf('add-2x5', { strategy: 'random', schedules: 256 * 1024 });
/** A search of half a minute or so on one thread: 26! / 13!² classes. */
const LARGE: Item = itemOf('add-2x13', { strategy: 'dpor' });
/** The time of its jobs, s: threads that end first wait for the last job. */
const LARGE_SLICE = 1;
const LOOK_MS = 50;

function itemOf(program: string, options: ItemOptions): Item {
  const source = { own: 'races/litmus/names.js', name: 'litmus', arguments: [program] };
  return { kind: 'search', name: program, source, options };
}

export async function run(): Promise<CampaignFigures> {
  const local = (slice: number, threads: number) => async () => new LocalCrew({ threads, root: '/', slice });
  return {
    small: await costOf(SMALL, 1, local(0.001, 1)),
    alone: await costOf(LARGE, 1, local(LARGE_SLICE, 1)),
    large: await costOf(LARGE, 2, local(LARGE_SLICE, 2)),
    fleet: NO_REDIS ?? (await runFleet()),
    mergedPerSecond: await mergeRate(),
  };
}

async function runFleet(): Promise<Fleet> {
  const server = await RedisServer.start('everysec');
  const client = await server.client();
  const used = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
  const cpu = async () => {
    const text = await client.info('cpu');
    const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1]);
    return seconds('used_cpu_user') + seconds('used_cpu_sys');
  };
  const code = await packCode([], []);
  const open = (slice: number) => () =>
    FleetCrew.open(server.url, { code, slice, campaign: `bench-${slice}` });
  const workers = [worker(server)];
  try {
    const cpuBefore = await cpu();
    const small = await costOf(SMALL, 1, open(0.001));
    const serverSeconds = ((await cpu()) - cpuBefore) / small.jobs;
    workers.push(worker(server));
    // A worker that still starts would count as one that works slowly.
    while ((await client.hlen(WORKERS)) < workers.length) await setTimeout(LOOK_MS);
    const large = await costOf(LARGE, 2, open(LARGE_SLICE));
    for (const each of workers) each.kill('SIGKILL');
    const empty = await used();
    const crew = await open(20)();
    const started = performance.now();
    for (let id = 1; id <= JOBS_HELD; id++) crew.give({ job: jobOf(id), item: LARGE });
    await crew.drained();
    const givenPerSecond = (JOBS_HELD * 1000) / (performance.now() - started);
    const held = await used();
    const heardPerSecond = await hearRate(client, crew);
    const removing = performance.now();
    for (let id = 1; id <= JOBS_HELD; id++) crew.settled(jobOf(id));
    await crew.drained();
    const removedPerSecond = (JOBS_HELD * 1000) / (performance.now() - removing);
    await crew.close();
    return {
      small,
      large,
      held,
      empty,
      givenPerSecond,
      heardPerSecond,
      removedPerSecond,
      serverSeconds,
    };
  } finally {
    for (const each of workers) each.kill('SIGKILL');
    await client.quit();
    await server.stop();
  }
}

/**
 * How many answers the conductor hears a second, where the events of {@link JOBS_HELD} jobs come as fast as the conductor
 * takes them.
 */
async function hearRate(
  client: Awaited<ReturnType<RedisServer['client']>>,
  crew: FleetCrew,
): Promise<number> {
  const answer = { worker: 'bench', answer: { result: foundOf(jobOf(1).spec.part), seconds: 20 } };
  const events = client.pipeline();
  for (let id = 1; id <= JOBS_HELD; id++)
    events.xadd(
      `${PREFIX}:${QUEUE}:events`,
      '*',
      ...['event', 'completed', 'jobId', jobName('bench-20', { id }), 'returnvalue', JSON.stringify(answer)],
    );
  await events.exec();
  const started = performance.now();
  for (let heard = 0; heard < JOBS_HELD; heard++) await crew.next();
  return (JOBS_HELD * 1000) / (performance.now() - started);
}

/** The findings of a job of the merge and of the events, with the same part left. */
function foundOf(rest: Part) {
  const sum = {
    ...new Sum().toPlain(),
    schedules: 2_000_000,
    runs: 2_000_000,
    steps: 60_000_000,
    seconds: 20,
  };
  return { does: 'search', phase: 0, sum, owners: [], restarted: false, ended: true, rest } as const;
}

const jobOf = (id: number) => ({
  id,
  item: 0,
  generation: 0,
  spec: {
    does: 'search' as const,
    cuts: true,
    part: { phase: 0, from: id * 1024, count: 1024, classified: 0, shared: [], byCause: true as const },
  },
});

function worker({ url }: RedisServer): ChildProcess {
  return spawn(process.execPath, [MAIN, 'worker', '--redis', 'env', '--jobs', '1'], {
    env: { ...process.env, IRQLOOM_REDIS_URL: url },
    stdio: 'ignore',
  });
}

/** Conducts a campaign of one item; the first job, which starts threads, is left out. */
async function costOf(item: Item, slots: number, open: () => Promise<Crew>): Promise<Cost> {
  const ledger = await ledgerOf(item);
  const crew = await open();
  let begun = performance.now();
  const { give } = crew;
  crew.give = (job) => {
    if (job.job.id === 2) begun = performance.now();
    give.call(crew, job);
  };
  await conduct(ledger.ledger, crew);
  const seconds = (performance.now() - begun) / 1000;
  await crew.close();
  const jobs = ledger.ledger.counts().total - 1;
  const own = ledger.ledger.byWorker().reduce((sum, each) => sum + each.seconds, 0) / jobs;
  ledger.remove();
  return { jobs, seconds, own, beside: Math.max(0, (seconds * slots) / jobs - own) };
}

async function ledgerOf(item: Item) {
  const folder = mkdtempSync(join(tmpdir(), 'irqloom-bench-'));
  const header = { id: 'bench', name: 'bench', file: '', items: [item], jobSeconds: 1, code: '', root: '/' };
  const ledger = await Ledger.create(join(folder, 'state.sqlite'), header);
  return {
    ledger,
    remove() {
      ledger.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function mergeRate(): Promise<number> {
  const { ledger, remove } = await ledgerOf(LARGE);
  const [tally] = ledger.tallies();
  const [plan] = ledger.openJobs(0, 1);
  if (tally === undefined || plan === undefined) return 0;
  const by = { worker: 'bench', seconds: 20 };
  const phase = { name: 'random', cut: 'sample', most: 1e9, branches: {}, ends: false } as const;
  const result = {
    does: 'plan',
    scenario: 'add-3x10',
    threads: ['a', 'b', 'c'],
    hasOutcomes: false,
    shared: [],
    phases: [phase],
  } as const;
  for (const job of ledger.end(plan, 'done', result, by, () => tally.take(plan, result, MERGED)) ?? [])
    tally.created(job);
  const started = performance.now();
  let merged = 0;
  for (let after = plan.id; merged < MERGED; merged++) {
    const [job] = ledger.openJobs(after, 1);
    if (job?.spec.does !== 'search') break;
    after = job.id;
    const found = foundOf({ ...job.spec.part, from: job.spec.part.from + 1024 });
    for (const each of ledger.end(job, 'done', found, by, () => tally.take(job, found, 1)) ?? [])
      tally.created(each);
  }
  const perSecond = merged / ((performance.now() - started) / 1000);
  remove();
  return perSecond;
}

export function format({ small, alone, large, fleet, mergedPerSecond }: CampaignFigures): string {
  const row = (name: string, { jobs, seconds, own, beside }: Cost) => [
    name,
    String(jobs),
    time(seconds * 1e9),
    time(own * 1e9),
    time(beside * 1e9),
  ];
  const rows = [
    row('small jobs, one thread', small),
    ...(typeof fleet === 'string' ? [] : [row('small jobs, one worker over Redis', fleet.small)]),
    row('large jobs, one thread', alone),
    row('large jobs, two threads', large),
    ...(typeof fleet === 'string' ? [] : [row('large jobs, two workers over Redis', fleet.large)]),
  ];
  const lines = [table(['campaign', 'jobs', 'time', 'a job', 'beside it'], rows), ''];
  lines.push(`two threads do ${(alone.seconds / large.seconds).toFixed(2)} × of one`);
  if (typeof fleet === 'string') lines.push(fleet);
  else {
    lines.push(
      `two workers over Redis do ${(large.seconds / fleet.large.seconds).toFixed(2)} × of two threads`,
      `Redis with ${JOBS_HELD} jobs: ${size(fleet.held)} (${size(fleet.empty)} without)`,
    );
  }
  lines.push(`the conductor adds up and writes down ${mergedPerSecond.toFixed(0)} results a second`);
  if (typeof fleet !== 'string') lines.push(...modelOf(fleet, mergedPerSecond));
  return lines.join('\n');
}

/** Of a large fleet: the load that one conductor and one server carry, and so how many workers keep busy. */
function modelOf(fleet: Fleet, mergedPerSecond: number): string[] {
  const { workers, threads, jobSeconds } = MODEL;
  const { givenPerSecond, heardPerSecond, removedPerSecond, serverSeconds } = fleet;
  const needed = (workers * threads) / jobSeconds;
  // The conductor is one thread: each job takes its time four times.
  const seconds = [givenPerSecond, heardPerSecond, mergedPerSecond, removedPerSecond].map((rate) => 1 / rate);
  const conducted = 1 / seconds.reduce((sum, each) => sum + each, 0);
  const served = 1 / serverSeconds;
  const carries = (rate: number) => Math.floor((rate * jobSeconds) / threads);
  return [
    `the conductor gives ${givenPerSecond.toFixed(0)} jobs a second to the server, hears ${heardPerSecond.toFixed(0)} answers, and removes ${removedPerSecond.toFixed(0)}`,
    `the server spends ${time(serverSeconds * 1e9)} on a job`,
    `model: ${workers} workers of ${threads} threads end ${needed.toFixed(0)} jobs of ${jobSeconds} s a second; the conductor carries ${conducted.toFixed(0)} (${carries(conducted)} workers), the server ${served.toFixed(0)} (${carries(served)} workers); longer jobs lift both in proportion`,
  ];
}
