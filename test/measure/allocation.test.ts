import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

/** How often the heap of a thread had to be collected while it ran one of its loops 2 million times. */
const collections = async (loop: string): Promise<number> => {
  const worker = new Worker(new URL('./allocator.mjs', import.meta.url), {
    workerData: { loop, times: 2_000_000 },
  });
  const [count] = await once(worker, 'message');
  await worker.terminate();
  return count;
};

// 2 million BigInts take 54 collections here. A few may be the runner's.
test.each(['now', 'record', 'stamp', 'ring', 'slice'])('%s leaves no garbage', async (loop) => {
  expect(await collections(loop)).toBeLessThan(8);
});

test('the count sees a loop that makes a BigInt each time', async () => {
  expect(await collections('bigint')).toBeGreaterThan(20);
});
