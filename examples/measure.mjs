/**
 * Measures two ways to wake another thread, beside what this machine can do at all, with `irqloom/measure` and tinybench.
 * Run it: `node examples/measure.mjs`
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import {
  CLOCK_WORDS,
  Clock,
  calibrateClock,
  formatHgrm,
  Histogram,
  histogramWords,
  LATENCY,
  LATENCY_PROBE_WORDS,
  LatencyProbe,
  Layout,
  latencyTask,
  PING_PONG_WORDS,
  spinPing,
  spinPong,
  startClock,
} from 'irqloom/measure';
import { Bench } from 'tinybench';

const ROUNDS = 5_000;

// One table of what lies where. Both threads make the same one, so they agree without talking.
const layout = new Layout();
const clockAt = layout.region('clock', CLOCK_WORDS);
const gameAt = layout.region('game', PING_PONG_WORDS);
const tripsAt = layout.region('trips', histogramWords(LATENCY));
const probeAt = layout.region('probe', LATENCY_PROBE_WORDS);
const turnAt = layout.region('turn', 1).at;

if (isMainThread) {
  const words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  startClock(words, clockAt);
  const clock = new Clock(words, clockAt);
  const other = new Worker(fileURLToPath(import.meta.url), { workerData: words });
  await once(other, 'online');

  // What the machine can do: two threads that spin on a word.
  const trips = new Histogram(words, tripsAt, LATENCY);
  spinPing(words, gameAt, ROUNDS, clock, trips);
  const { p50 } = trips.read().summary();
  console.log(`clock: ${calibrateClock(clock).costNs.toFixed(0)} ns a reading`);
  console.log(`spinning round trip: half within ${p50} ns`);

  // One's own: how long until the other thread has seen a change, as it sees it itself.
  const probe = new LatencyProbe(words, probeAt, clock);
  const latencies = new Histogram(words, tripsAt, LATENCY);
  const before = latencies.read();
  const bench = new Bench({ iterations: 500, time: 0, warmupIterations: 50, warmupTime: 0 });
  bench.add(
    'store, then notify',
    latencyTask(probe, () => {
      Atomics.add(words, turnAt, 1);
      Atomics.notify(words, turnAt);
    }),
  );
  await bench.run();
  for (const { name, result } of bench.tasks) {
    const half = result.latency.p50 * 1e6;
    console.log(
      `${name}: half within ${half.toFixed(0)} ns, ${(half / (p50 / 2)).toFixed(1)} times half a spinning round trip`,
    );
  }

  // The same into a histogram, and printed as HdrHistogram's plotters read it.
  for (let i = 0; i < 500; i++) {
    latencies.record(
      probe.measure(() => {
        Atomics.add(words, turnAt, 1);
        Atomics.notify(words, turnAt);
      }),
    );
  }
  console.log(formatHgrm(latencies.read().since(before), { scale: 1000, ticks: 1 }));
  Atomics.store(words, turnAt, -1);
  Atomics.notify(words, turnAt);
  await once(other, 'exit');
} else {
  const words = workerData;
  const clock = new Clock(words, clockAt);
  spinPong(words, gameAt, ROUNDS);
  const probe = new LatencyProbe(words, probeAt, clock);
  for (let turn = 0; turn !== -1; ) {
    Atomics.wait(words, turnAt, turn);
    turn = Atomics.load(words, turnAt);
    if (turn !== -1) probe.arrived();
  }
}
