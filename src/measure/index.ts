/**
 * `irqloom/measure`: measuring what happens between threads, for one's own workers. Everything lies in one
 * SharedArrayBuffer that a {@link Layout} divides; each thread makes its own views of it, and recording allocates
 * nothing. See examples/measure.mjs for a program that uses all of it.
 *
 * - {@link Clock}: ns that compare between threads; {@link calibrateClock} says what a reading costs.
 * - {@link Histogram}: log-linear, shared, mergeable into a {@link Distribution}, which knows percentiles with their
 *   confidence, HdrHistogram's formats, and how to correct for coordinated omission.
 * - {@link EventRing}: the last stamps of a thread, readable by the others while it goes on.
 * - `…Ping` and `…Pong`: what this machine can do at all, to hold one's figures against.
 * - {@link LatencyProbe}, {@link latencyTask}: latencies as the other thread sees them, also as tasks for tinybench.
 * - {@link rankTest}: whether B is really faster than A.
 *
 * @module irqloom/measure
 */
export { Layout, type Region } from '../memory/layout.ts';
export type { Words } from '../memory/word.ts';
export { LATENCY, type Shape } from './buckets.ts';
export { CLOCK_WORDS, Clock, type ClockFigures, calibrateClock, startClock } from './clock.ts';
export type { Bounds } from './confidence.ts';
export { type Bar, type CurvePoint, Distribution, type Summary } from './distribution.ts';
export { EventRing, eventRingWords, type Reading, type StageEvent } from './event-ring.ts';
export { decodeHistogram, encodeHistogram } from './hdr-format.ts';
export { formatLog, type HistogramLog, type LogInterval, parseLog } from './hdr-log.ts';
export { formatHgrm, type HgrmOptions } from './hgrm.ts';
export { Histogram, histogramWords } from './histogram.ts';
export { LATENCY_PROBE_WORDS, LatencyProbe, latencyTask } from './latency-probe.ts';
export {
  offsetPing,
  offsetPong,
  PING_PONG_WORDS,
  parkPing,
  parkPong,
  spinPing,
  spinPong,
} from './ping-pong.ts';
export { type RankTest, type RankTestOptions, rankTest, rankTestCounted } from './rank-test.ts';
export { readStamp, STAMP_WORDS, writeStamp } from './stamp.ts';
export { waitAsyncPing, waitPing, waitPong } from './wait-ping-pong.ts';
