import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { JobThreads } from '../../src/campaign/job-thread.ts';
import { LocalCrew } from '../../src/campaign/local-crew.ts';

const root = fileURLToPath(new URL('../fixtures/campaign', import.meta.url));

function planOf(file: string) {
  return {
    job: { id: 1, item: 0, generation: 0, spec: { does: 'plan' as const, shared: [] } },
    item: { kind: 'search' as const, name: file, source: { file }, options: {} },
    root,
    slice: 1,
  };
}

test('a job whose module never loads is ended, and the next job has a thread', {
  timeout: 120_000,
}, async () => {
  const threads = new JobThreads({ threads: 1, silentMs: 5_000 });
  try {
    expect(await threads.run(planOf('never-loads.mjs'))).toEqual({
      error: expect.objectContaining({ code: 'ERR_THREAD_SILENT' }),
    });
    expect(await threads.run(planOf('two-causes.mjs'))).toMatchObject({
      result: { does: 'plan', scenario: 'two-causes' },
    });
  } finally {
    await threads.close();
  }
});

test('a crew that is told to stop within a time does not wait for a job that never answers', {
  timeout: 40_000,
}, async () => {
  const crew = new LocalCrew({ threads: 1, root, slice: 1 });
  crew.give(planOf('never-loads.mjs'));
  crew.stop(0);
  expect(await crew.next()).toBeUndefined();
  await crew.close();
});
