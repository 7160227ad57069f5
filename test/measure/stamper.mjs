// A thread that stamps without a pause; every word of a stamp follows from its position.
import { workerData } from 'node:worker_threads';
import { EventRing } from '../../dist/src/measure/event-ring.js';

const ring = new EventRing(workerData.words, workerData.region);
for (let n = 0; n < workerData.count; n++) ring.record(n & 2047, n, n, n * 2 ** 20);
