import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { LATENCY } from '../src/measure/buckets.ts';
import { CLOCK_WORDS, Clock, type ClockFigures, calibrateClock, startClock } from '../src/measure/clock.ts';
import type { Bounds } from '../src/measure/confidence.ts';
import type { Summary } from '../src/measure/distribution.ts';
import { EventRing, eventRingWords } from '../src/measure/event-ring.ts';
import { Histogram, histogramWords } from '../src/measure/histogram.ts';
import { offsetPing, PING_PONG_WORDS, parkPing, spinPing } from '../src/measure/ping-pong.ts';
import { readStamp, STAMP_WORDS, writeStamp } from '../src/measure/stamp.ts';
import { Layout, type Region } from '../src/memory/layout.ts';
import { add, type Words } from '../src/memory/word.ts';
import { type Cost, formatCosts, measureCost } from './measure-cost.ts';

export type MeasureFigures = {
  readonly clock: ClockFigures;
  /** The clock beside the other ways to read the time; then recording, beside one atomic addition. */
  readonly clocks: readonly Cost[];
  readonly recording: readonly Cost[];
  readonly pingPong: { readonly spinNs: Summary; readonly parkNs: Summary };
  /** How far another thread's clock may be from this one's, in ns. */
  readonly clockOffsetNs: Bounds;
};

const TIMES = 10_000_000;
const SPINS = 50_000;
const PARKS = 5_000;
const RING = 4096;

function table() {
  const layout = new Layout();
  const regions = {
    clock: layout.region('clock', CLOCK_WORDS),
    stamp: layout.region('stamp', STAMP_WORDS),
    counter: layout.region('counter', 1),
    ring: layout.region('ring', eventRingWords(RING)),
    games: layout.region('games', PING_PONG_WORDS),
    recorded: layout.region('recorded', histogramWords(LATENCY)),
    warm: layout.region('warm', histogramWords(LATENCY)),
    spin: layout.region('spin', histogramWords(LATENCY)),
    park: layout.region('park', histogramWords(LATENCY)),
  };
  const words: Words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  startClock(words, regions.clock);
  return { words, regions, clock: new Clock(words, regions.clock) };
}
type Table = ReturnType<typeof table>;

/** Where results go, so that no loop is optimized away. */
const sink = new Float64Array(1);

async function compareClocks({ clock }: Table): Promise<Cost[]> {
  return [
    await measureCost('Clock.now', TIMES, (n) => {
      for (let i = 0; i < n; i++) sink[0] = clock.now();
    }),
    await measureCost('Number(process.hrtime.bigint())', TIMES, (n) => {
      for (let i = 0; i < n; i++) sink[0] = Number(process.hrtime.bigint());
    }),
    await measureCost('process.hrtime(), by index', TIMES, (n) => {
      for (let i = 0; i < n; i++) {
        const time = process.hrtime();
        sink[0] = time[0] * 1e9 + time[1];
      }
    }),
    await measureCost('process.hrtime(), destructured', TIMES, (n) => {
      for (let i = 0; i < n; i++) {
        const [seconds, ns] = process.hrtime();
        sink[0] = seconds * 1e9 + ns;
      }
    }),
    await measureCost('performance.now()', TIMES, (n) => {
      for (let i = 0; i < n; i++) sink[0] = performance.now() * 1e6;
    }),
  ];
}

/** Latencies of all sizes, spread evenly over the powers of two up to a minute or so. */
function latencies(): Float64Array {
  let state = 1;
  return new Float64Array(4096).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(2 ** ((36 * state) / 2 ** 32));
  });
}

async function measureRecording({ words, regions, clock }: Table): Promise<Cost[]> {
  const histogram = new Histogram(words, regions.recorded, LATENCY);
  const ring = new EventRing(words, regions.ring);
  const values = latencies();
  return [
    await measureCost('calibration: one atomic addition', TIMES, (n) => {
      for (let i = 0; i < n; i++) add(words, regions.counter.at, 1);
    }),
    await measureCost('Histogram.record, values of all sizes', TIMES, (n) => {
      for (let i = 0; i < n; i++) histogram.record(values[i & 4095] ?? 0);
    }),
    await measureCost('Histogram.record, values up to 4 µs', TIMES, (n) => {
      for (let i = 0; i < n; i++) histogram.record(i & 4095);
    }),
    await measureCost('Histogram.recordCorrected, one a second', TIMES, (n) => {
      for (let i = 0; i < n; i++) histogram.recordCorrected(values[i & 4095] ?? 0, 1e9);
    }),
    await measureCost('EventRing.record, time given', TIMES, (n) => {
      for (let i = 0; i < n; i++) ring.record(i & 7, i, i, i);
    }),
    await measureCost('Clock.now + writeStamp', TIMES, (n) => {
      for (let i = 0; i < n; i++) writeStamp(words, regions.stamp.at, clock.now());
    }),
    await measureCost('Clock.now - readStamp, recorded', TIMES, (n) => {
      for (let i = 0; i < n; i++) histogram.record(clock.now() - readStamp(words, regions.stamp.at));
    }),
  ];
}

async function playPingPong({ words, regions, clock }: Table) {
  const workerData = { words, games: regions.games, clock: regions.clock, spins: SPINS, parks: PARKS };
  const partner = new Worker(new URL('./measure-partner.js', import.meta.url), { workerData });
  const ended = once(partner, 'exit');
  await once(partner, 'online');
  const into = (region: Region) => new Histogram(words, region, LATENCY);
  const [warm, spin, park] = [into(regions.warm), into(regions.spin), into(regions.park)];
  spinPing(words, regions.games, SPINS, clock, warm);
  spinPing(words, regions.games, SPINS, clock, spin);
  parkPing(words, regions.games, PARKS, clock, park);
  const clockOffsetNs = offsetPing(words, regions.games, SPINS, clock);
  await ended;
  return { pingPong: { spinNs: spin.read().summary(), parkNs: park.read().summary() }, clockOffsetNs };
}

/** Costs of the floor `measure`, in about five seconds. */
export async function run(): Promise<MeasureFigures> {
  const shared = table();
  const clocks = await compareClocks(shared);
  const recording = await measureRecording(shared);
  return { clock: calibrateClock(shared.clock), clocks, recording, ...(await playPingPong(shared)) };
}

/** The figures as a table for people. */
export function format({ clock, clocks, recording, pingPong, clockOffsetNs }: MeasureFigures): string {
  const { spinNs, parkNs } = pingPong;
  return [
    formatCosts([...clocks, ...recording]),
    '',
    `clock: ${clock.costNs.toFixed(1)} ns a read, smallest step ${clock.resolutionNs} ns`,
    `clock of another thread: ${clockOffsetNs.low} to ${clockOffsetNs.high} ns ahead`,
    `ping-pong, spinning: p50 ${spinNs.p50} ns, p99 ${spinNs.p99} ns`,
    `ping-pong, parked:   p50 ${parkNs.p50} ns, p99 ${parkNs.p99} ns`,
  ].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(format(await run()));
