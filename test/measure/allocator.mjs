// A thread that runs one loop and says how many collections there were. Small new space, so that garbage is seen soon.
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { LATENCY } from '../../dist/src/measure/buckets.js';
import { Clock, startClock } from '../../dist/src/measure/clock.js';
import { EventRing, eventRingWords } from '../../dist/src/measure/event-ring.js';
import { Histogram, histogramWords } from '../../dist/src/measure/histogram.js';
import { readStamp, writeStamp } from '../../dist/src/measure/stamp.js';
import { SliceRing } from '../../dist/src/stress/traced/slices.js';

const ringAt = 64 + histogramWords(LATENCY);
const words = new Int32Array(new SharedArrayBuffer(4 * (ringAt + eventRingWords(64))));
startClock(words, { at: 0, words: 2 });
const clock = new Clock(words, { at: 0, words: 2 });
const histogram = new Histogram(words, { at: 64, words: histogramWords(LATENCY) }, LATENCY);
const ring = new EventRing(words, { at: ringAt, words: eventRingWords(64) });
const slices = new SliceRing(words, { at: ringAt, words: 16 + 8 * 32 });
const sink = new Float64Array(1);

const bodies = {
  now: (n) => {
    for (let i = 0; i < n; i++) sink[0] = clock.now();
  },
  record: (n) => {
    for (let i = 0; i < n; i++) histogram.record(i * 1000.5);
  },
  stamp: (n) => {
    for (let i = 0; i < n; i++) {
      writeStamp(words, 16, clock.now());
      histogram.record(clock.now() - readStamp(words, 16));
    }
  },
  ring: (n) => {
    for (let i = 0; i < n; i++) ring.record(i & 7, i, i, clock.now());
  },
  slice: (n) => {
    for (let i = 0; i < n; i++) slices.record(i & 7, i, i, i, clock.now(), clock.now());
  },
  bigint: (n) => {
    for (let i = 0; i < n; i++) sink[0] = Number(process.hrtime.bigint());
  },
};
const body = bodies[workerData.loop];
for (let i = 0; i < 20; i++) body(20_000); // until the optimizing compiler is done
await nextTurn();
let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});
observer.observe({ entryTypes: ['gc'] });
body(workerData.times);
await nextTurn();
await nextTurn();
parentPort.postMessage(collections);
