import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NO_REDIS, RedisServer } from '../../bench/redis.ts';
import { WORKERS } from '../../src/campaign/fleet/protocol.ts';
import type { CampaignResult } from '../../src/campaign/index.ts';
import { answerOf, Folder, oneMachine, Process, SEARCHES } from './campaigns.ts';

const CAMPAIGN = { name: 'fleet', jobSeconds: 0.2, items: SEARCHES };
/** A worker that does not renew its hold for so long has lost its jobs, s: the shortest that BullMQ keeps up with here. */
const LOCK = '2';
/** Workers that are killed, one after the other; the nightly run has twenty. */
const DEATHS = Number(process.env.IRQLOOM_DEATHS ?? 6);

describe.skipIf(NO_REDIS !== undefined)('a fleet over Redis', () => {
  const whole = new Folder(CAMPAIGN);
  let expected: readonly object[] = [];
  let server: RedisServer;
  let folder: Folder;
  const running = new Set<Process>();

  beforeAll(async () => {
    expected = await oneMachine(whole.path, SEARCHES);
  }, 180_000);
  afterAll(() => whole.remove());
  beforeEach(async () => {
    server = await RedisServer.start();
    folder = new Folder(CAMPAIGN);
  });
  afterEach(async () => {
    for (const process of running) process.kill('SIGKILL');
    await Promise.all([...running].map(({ ended }) => ended));
    running.clear();
    await server.stop();
    folder.remove();
  });

  function worker(...words: readonly string[]): Process {
    const process = new Process(
      ['worker', '--redis', 'env', '--jobs', '1', '--lock', LOCK, ...words],
      folder.path,
      {
        IRQLOOM_REDIS_URL: server.url,
      },
    );
    running.add(process);
    void process.ended.then(() => running.delete(process));
    return process;
  }

  function conductor(...words: readonly string[]): Process {
    const process = folder.start('--redis', server.url, '--json', ...words);
    running.add(process);
    return process;
  }

  async function answerIn(process: Process): Promise<CampaignResult> {
    const status = await process.ended;
    running.delete(process);
    expect(status, process.output).toBe(1);
    expect(process.output).not.toContain('p4ss-w0rd');
    const line = process.output.split('\n').find((each) => each.startsWith('{')) ?? '';
    return JSON.parse(line) as CampaignResult;
  }

  test('a fleet of five workers adds up to the result of one thread', { timeout: 240_000 }, async () => {
    for (let i = 0; i < 5; i++) worker();
    const { items, jobs } = await answerIn(conductor());
    expect(items.map(answerOf)).toEqual(expected);
    expect(jobs.done).toBe(jobs.total);
  });

  test('a fleet of two workers survives the death of workers, one after the other, and of its server', {
    timeout: 400_000,
  }, async () => {
    const conducting = conductor();
    let deaths = 0;
    let isDone = false;
    let workers = [worker(), worker()];
    while (!isDone && deaths < DEATHS) {
      const target = (await folder.jobsDone()) + 1 + (deaths % 3);
      isDone = await conducting.endsBefore(async () => (await folder.jobsDone()) >= target);
      const [victim, ...others] = workers;
      victim?.kill('SIGKILL');
      workers = [...others, worker()];
      deaths++;
      if (deaths === DEATHS >> 1) await server.restart();
    }
    const { items } = await answerIn(conducting);
    expect(items.map(answerOf)).toEqual(expected);
    expect(deaths).toBe(DEATHS);
  });

  test('a fleet of one worker goes on after its conductor was killed', { timeout: 240_000 }, async () => {
    worker();
    const first = conductor();
    await first.endsBefore(async () => (await folder.jobsDone()) > 5);
    first.kill('SIGKILL');
    await first.ended;
    const { items } = await answerIn(conductor('--resume'));
    expect(items.map(answerOf)).toEqual(expected);
  });

  test('a fleet counts the late answer of a worker that was paused for longer than its hold once', {
    timeout: 240_000,
  }, async () => {
    const paused = worker();
    const conducting = conductor();
    await conducting.endsBefore(async () => (await folder.jobsDone()) > 3);
    paused.kill('SIGSTOP');
    worker();
    // The other worker does the rest, the job of the paused one too.
    const result = await answerIn(conducting);
    expect(result.items.map(answerOf)).toEqual(expected);
    expect(result.jobs.retried).toBeGreaterThan(0);
    paused.kill('SIGCONT');
    const client = await server.client();
    expect((await folder.result('--results')).items.map(answerOf)).toEqual(expected);
    await client.quit();
  });

  test('a fleet has no use for a worker with another irqloom, which refuses and says why', {
    timeout: 240_000,
  }, async () => {
    const conducting = conductor();
    const client = await server.client();
    const queue = '{irqloom}:irqloom';
    await conducting.endsBefore(async () => (await client.llen(`${queue}:wait`)) > 0);
    // The job as a conductor of another version gives it.
    const [name = ''] = await client.lrange(`${queue}:wait`, 0, 0);
    const data = JSON.parse((await client.hget(`${queue}:${name}`, 'data')) ?? '{}');
    await client.hset(`${queue}:${name}`, 'data', JSON.stringify({ ...data, irqloom: '0.0.1-other' }));
    const refusing = worker();
    const says =
      /refused a job of campaign \w+: the campaign is conducted by irqloom 0\.0\.1-other, and this worker is /;
    expect(await refusing.endsBefore(async () => says.test(refusing.output))).toBe(false);
    const seen = Object.values(await client.hgetall(WORKERS)).map((text) => JSON.parse(text));
    await refusing.endsBefore(async () =>
      Object.values(await client.hgetall(WORKERS)).some((text) => 'refuses' in JSON.parse(text)),
    );
    expect(seen).toHaveLength(1);
    await client.quit();
  });

  test('a worker that is told to end gives back what it has', { timeout: 240_000 }, async () => {
    const first = worker();
    const conducting = conductor();
    await conducting.endsBefore(async () => (await folder.jobsDone()) > 3);
    first.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    worker();
    expect((await answerIn(conducting)).items.map(answerOf)).toEqual(expected);
  });
});

test('a server that is not there, and a URL that is none, are said without the password', {
  timeout: 60_000,
}, async () => {
  const folder = new Folder(CAMPAIGN);
  const nowhere = await folder.run('--redis', 'redis://user:p4ss-w0rd@127.0.0.1:1');
  expect(nowhere.stderr).toMatch(
    /redis:\/\/user:\*\*\*@127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED.*ERR_REDIS/,
  );
  expect(nowhere.status).toBe(3);
  const wrong = await folder.run('--redis', 'http://user:p4ss-w0rd@host');
  expect(wrong.stderr).toContain('--redis http://user:***@host is no URL of a Redis server');
  expect(wrong.status).toBe(2);
  folder.remove();
});
