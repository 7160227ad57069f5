/**
 * `irqloom/measure`: measurements between worker threads. Everything lies in one SharedArrayBuffer that a {@link Layout}
 * divides; each thread makes views of its own, and recording allocates nothing. See examples/measure.mjs.
 *
 * - {@link Clock}: ns that compare between threads; {@link Histogram}, {@link Distribution}: percentiles with confidence.
 * - {@link EventRing}: the last stamps of a thread, readable by others meanwhile. {@link LatencyProbe}: latencies.
 * - `…Ping` and `…Pong`: the round trip of two bare threads, as a yardstick. {@link rankTest}: is B really faster than A?
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
