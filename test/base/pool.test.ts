import { afterEach, expect, test } from 'vitest';
import { WorkerPool } from '../../src/base/pool.ts';

let pool: WorkerPool | undefined;
afterEach(async () => {
  await pool?.destroy();
  pool = undefined;
});

test('an entry that workers/ does not have is an error of its task, and the pool goes on', async () => {
  pool = new WorkerPool(1);
  await expect(pool.run('no-such-entry', {})).rejects.toThrow(/no-such-entry/);
  await expect(pool.run('no-other-entry', {})).rejects.toThrow(/no-other-entry/);
});

test('aborting a task ends its thread, and the next task gets a new one', async () => {
  pool = new WorkerPool(1);
  const { port1, port2 } = new MessageChannel();
  const abort = new AbortController();
  const buffer = new SharedArrayBuffer(4 * 2 ** 20);
  // A calibration thread serves its console until it is closed; this test does not close it.
  const task = { buffer, port: port2, echo: new MessageChannel().port1 };
  const run = pool.run('calibration', task, [port2, task.echo] as never, abort.signal);
  abort.abort();
  await expect(run).rejects.toThrow(/abort/i);
  port1.close();
  await expect(pool.run('no-such-entry', {})).rejects.toThrow(/no-such-entry/);
});
