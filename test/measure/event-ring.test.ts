import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventRing, eventRingWords, type Reading, STAGE } from '../../src/measure/event-ring.ts';
import { load, type Words } from '../../src/memory/word.ts';
import { everyInterleaving } from './interleave.ts';

const regionOf = (capacity: number) => ({ at: 0, words: eventRingWords(capacity) });

const fresh = (capacity: number) => {
  const words: Words = new Int32Array(new SharedArrayBuffer(4 * eventRingWords(capacity)));
  return { words, ring: new EventRing(words, regionOf(capacity)) };
};

const stamps = fc.array(
  fc.record({
    kind: fc.integer({ min: 0, max: 2047 }),
    source: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    tag: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    ns: fc.maxSafeInteger().map(Math.abs),
  }),
  { maxLength: 40 },
);

test('stamps come back in order, the last ones if there were too many', () => {
  fc.assert(
    fc.property(stamps, fc.integer({ min: 0, max: 45 }), (list, from) => {
      const { ring } = fresh(16);
      for (const { kind, source, tag, ns } of list) ring.record(kind, source, tag, ns);
      expect(ring.written).toBe(list.length);
      const { events, next, lost } = ring.readFrom(from);
      const first = Math.min(list.length, Math.max(from, list.length - 15));
      expect(events).toEqual(list.slice(first).map((stamp, i) => ({ position: first + i, ...stamp })));
      expect(next).toBe(list.length);
      expect(lost).toBe(Math.max(0, first - from));
    }),
  );
});

test('a limit leaves the rest for the next time', () => {
  const { ring } = fresh(16);
  for (let i = 0; i < 10; i++) ring.record(STAGE.signal, i, 0, i);
  const first = ring.readFrom(0, 4);
  const second = ring.readFrom(first.next);
  expect([first, second].map(({ events, lost }) => [events.length, lost])).toEqual([
    [4, 0],
    [6, 0],
  ]);
});

/** Every word of stamp n says n, so that a mixed one is seen. */
const stamp = (ring: EventRing, n: number) => ring.record(n, n, n, n * 2 ** 32 + n);
const whole = ({ kind, source, tag, ns, position }: Reading['events'][number]) =>
  [kind, source, tag, ns].every((value, i) => value === (i === 3 ? position * 2 ** 32 + position : position));

const whileOverwriting = (read: (words: Words) => string) =>
  everyInterleaving(
    eventRingWords(2),
    (words) => {
      const ring = new EventRing(words, regionOf(2));
      for (let n = 0; n < 4; n++) stamp(ring, n);
    },
    (words) => {
      const ring = new EventRing(words, regionOf(2));
      for (let n = 4; n < 6; n++) stamp(ring, n);
    },
    read,
    { depth: 6, neverWaits: true },
  );

test('a reader drops what was overwritten while it copied, whatever the order', () => {
  const seen = whileOverwriting((words) => {
    const { events, lost, next } = new EventRing(words, regionOf(2)).readFrom(3);
    return JSON.stringify({ whole: events.every(whole), read: events.length, lost, next });
  });
  for (const outcome of seen) expect(JSON.parse(outcome).whole).toBe(true);
  expect(seen).toContain(JSON.stringify({ whole: true, read: 1, lost: 0, next: 4 }));
  expect(seen).toContain(JSON.stringify({ whole: true, read: 0, lost: 1, next: 4 }));
});

test('a reader that does not look at the head again is caught', () => {
  const seen = whileOverwriting((words) => {
    const slot = 16 + 4; // where stamp 3 lies
    const [low, , source, tag] = [0, 1, 2, 3].map((i) => load(words, slot + i));
    return low === source && source === tag ? 'whole' : 'mixed';
  });
  expect(seen).toContain('mixed');
});

test('a thread stamps as fast as it can, and a reader gets only whole stamps', async () => {
  const { words, ring } = fresh(64);
  const count = 100_000;
  const worker = new Worker(new URL('./stamper.mjs', import.meta.url), {
    workerData: { words, region: regionOf(64), count },
  });
  const exited = new Promise<number>((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  let running = true;
  const done = exited.finally(() => {
    running = false;
  });
  let [from, read, lost] = [0, 0, 0];
  const look = () => {
    const reading = ring.readFrom(from);
    for (const { position, kind, source, tag, ns } of reading.events) {
      expect([kind, source, tag, ns]).toEqual([position & 2047, position, position, position * 2 ** 20]);
    }
    [from, read, lost] = [reading.next, read + reading.events.length, lost + reading.lost];
  };
  while (running) {
    look();
    await new Promise(setImmediate);
  }
  expect(await done).toBe(0);
  look();
  expect(read + lost).toBe(count);
  expect(read).toBeGreaterThanOrEqual(63);
});

test.each([0, 1, 3, 100, 2 ** 25, Number.NaN])('a capacity of %d is refused', (capacity) => {
  expect(() => new EventRing(fresh(2).words, regionOf(capacity))).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG' }),
  );
});
