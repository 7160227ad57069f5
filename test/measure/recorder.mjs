// A thread that records: half of the values go to bucket 3, the rest anywhere. Runs from dist, as all threads do.
import { workerData } from 'node:worker_threads';
import { Histogram } from '../../dist/src/measure/histogram.js';

const { words, region, each, shape, seed } = workerData;
const histogram = new Histogram(words, region, shape);
let state = seed;
for (let i = 0; i < each; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  histogram.record(i & 1 ? 3 : state);
}
