/** Every primitive under two real threads at once, with an account that has to come out even. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { EVENT_COUNT_WORDS } from '../../src/memory/event-count.ts';
import { EVENTFD_WORDS } from '../../src/memory/eventfd.ts';
import { Layout } from '../../src/memory/layout.ts';
import { readersWords } from '../../src/memory/readers.ts';
import { Slots, slotsWords } from '../../src/memory/slots.ts';
import { summaryBitmapWords } from '../../src/memory/summary-bitmap.ts';
import { load, type Words } from '../../src/memory/word.ts';

const SLOTS = 3;
const BITS = 4096;

type Said = Readonly<Record<string, number | bigint>>;
type Played = { readonly words: Words; readonly data: number; readonly said: readonly [Said, Said] };

/** Starts the two threads of a role, and waits for both. A thread that fails or hangs fails the test. */
async function hammer(role: string, rounds: number): Promise<Played> {
  const layout = new Layout();
  const regions = {
    start: layout.region('start', EVENT_COUNT_WORDS),
    met: layout.region('met', 1),
    lock: layout.region('lock', 1),
    event: layout.region('event', EVENT_COUNT_WORDS),
    sequence: layout.region('sequence', 1),
    readers: layout.region('readers', readersWords(1)),
    eventfd: layout.region('eventfd', EVENTFD_WORDS),
    slots: layout.region('slots', slotsWords(SLOTS)),
    bits: layout.region('bits', summaryBitmapWords(BITS)),
    data: layout.region('data', 16),
  };
  const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
  new Slots(words, regions.slots, 'hammered').init();
  // What a reader finds first is alive.
  if (role === 'readers') words[regions.data.at] = words[regions.data.at + 1] = 1;
  const play = async (self: number): Promise<Said> => {
    const workerData = { words, role, rounds, self, regions, bits: BITS };
    const worker = new Worker(new URL('./hammer.mjs', import.meta.url), { workerData });
    try {
      const [said] = await once(worker, 'message', { signal: AbortSignal.timeout(30_000) });
      return said;
    } finally {
      await worker.terminate();
    }
  };
  return { words, data: regions.data.at, said: await Promise.all([play(0), play(1)]) };
}

describe('two threads at once', () => {
  test('count up to the same number under a mutex', async () => {
    const { words, data } = await hammer('mutex', 100_000);
    expect(load(words, data)).toBe(200_000);
  });

  test('lose counts without it: they do meet', async () => {
    let lost = 0;
    for (let attempt = 0; attempt < 10 && lost === 0; attempt++) {
      const { words, data } = await hammer('unlocked', 1_000_000);
      lost = 2_000_000 - load(words, data);
    }
    expect(lost).toBeGreaterThan(0);
  });

  test('take turns by an event count, and none is slept through', async () => {
    const { words, data, said } = await hammer('turns', 5000);
    expect(said).toEqual([{ lost: 0 }, { lost: 0 }]);
    expect(load(words, data)).toBe(10_000);
  });

  test('read nothing torn beside a sequence count', async () => {
    const { said } = await hammer('sequence', 300_000);
    expect(said[1]).toMatchObject({ torn: 0 });
  });

  test('find nothing destroyed inside a reader section', async () => {
    const { said } = await hammer('readers', 20_000);
    expect(said[1]).toMatchObject({ dead: 0 });
    expect(said[1].sections).toBeGreaterThan(0);
  });

  test('read from an eventfd all that is written to it, of any size', async () => {
    const { said } = await hammer('eventfd', 20_000);
    expect(said[1].sum).toBe(said[0].sum);
  });

  test('own a slot one at a time', async () => {
    const { said } = await hammer('slots', 100_000);
    expect(said).toEqual([
      { doubled: 0, stale: 0 },
      { doubled: 0, stale: 0 },
    ]);
  });

  test.each(['bitmap', 'summary'])('take each bit that is set, once: %s', async (role) => {
    const { said } = await hammer(role, 100_000);
    expect(said[1].taken).toBe(said[0].added);
    expect(said[0].added).toBeGreaterThan(BITS - 1);
  });
});
