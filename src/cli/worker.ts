import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { withoutPassword } from '../base/without-password.ts';
import { serveFleet } from '../campaign/index.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { redisUrl } from './redis-url.ts';
import { say } from './stdout.ts';
import { number, wholeNumber } from './values.ts';

/** After so long without a renewal the job goes to another worker, s: BullMQ's default. */
const LOCK_S = 30;

type Flags = { redis: string; jobs?: number; lock: number };

const EXAMPLES = [
  ['worker --redis redis://localhost', 'all cores of this machine, for every campaign there'],
  ['worker --redis env --jobs 4', 'four threads; the URL from IRQLOOM_REDIS_URL'],
] as const;

/** `irqloom worker`: does the jobs of campaigns that are conducted elsewhere. */
export function workerCommand(): Command {
  const command = new Command('worker')
    .summary('do jobs of campaigns over a Redis server, for irqloom campaign --redis')
    .description(
      'Takes jobs of every campaign of a Redis server until the worker is ended. The code under test comes with the jobs, and its hash is checked; jobs of another version of irqloom are left to others. SIGTERM ends jobs under way early, with the results so far; a worker that is killed costs its jobs under way, which others do again.\n' +
        'A worker runs the code of its jobs: let only people you trust reach the server.',
    )
    .requiredOption(
      '--redis <url>',
      'redis://[user:password@]host[:port], rediss:// with TLS; env: from the environment variable IRQLOOM_REDIS_URL',
    )
    .option('--jobs <n>', 'threads that do jobs (default: the cores)', wholeNumber(1, 256))
    .option(
      '--lock <seconds>',
      'give a job to another worker when this one has not moved for so long',
      number(1, 3600, 'seconds'),
      LOCK_S,
    )
    .action(async ({ redis, jobs: threads = availableParallelism(), lock }: Flags) => {
      const url = redisUrl(redis);
      await interruptible((signal) =>
        serveFleet(url, {
          threads,
          lockSeconds: lock,
          signal,
          say: (text) => say(`irqloom worker: ${withoutPassword(text)}\n`),
        }),
      );
      process.exitCode = EXIT.held;
    });
  return withExamples(command, EXAMPLES);
}
