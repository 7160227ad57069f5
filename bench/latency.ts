import { pathToFileURL } from 'node:url';
import { LATENCY } from '../src/measure/buckets.ts';
import { CLOCK_WORDS, Clock, startClock } from '../src/measure/clock.ts';
import { EventRing, eventRingWords } from '../src/measure/event-ring.ts';
import { Histogram, histogramWords } from '../src/measure/histogram.ts';
import type { Path } from '../src/measuring/latency/latency-result.ts';
import { type LatencyOptions, runLatency } from '../src/measuring/latency/latency-run.ts';
import { Layout } from '../src/memory/layout.ts';
import type { CalibrationFigures } from '../src/threads/calibration-figures.ts';
import { type Cost, formatCosts, measureCost } from './measure-cost.ts';
import { type NativeResult, run as runNative } from './native.ts';

/** One way of an interrupt, beside the host's time for the same exchange without an interrupt. Times in ns. */
export type PathFigures = {
  readonly path: Path;
  readonly p50: number;
  /** The allowed median, by the calibration of the same run: see {@link ALLOWED}. */
  readonly allowed: number;
  readonly toCalibration: number;
  /** Beside half of the same round trip in C; null where there is no compiler. */
  readonly toNative: number | null;
};

export type LatencyFigures = {
  readonly recording: readonly Cost[];
  readonly calibration: CalibrationFigures;
  readonly native: NativeResult;
  readonly paths: readonly PathFigures[];
};

const TIMES = 5_000_000;
/** A stamp, or a record in a histogram, may cost so much, the clock aside. */
const RECORDING_NS = 60;
const NATIVE_TIMES = 10;

/** The bound on the median, by one way of the round trip of the vCPU's way of waiting. */
const ALLOWED = {
  polling: (oneWay: number) => 1.5 * oneWay + 150,
  parked: (oneWay: number) => 1.15 * oneWay,
} as const;

const PATHS: readonly Path[] = [
  { source: 'irqfd', dispatch: 'inline', waiting: 'polling' },
  { source: 'signal-msi', dispatch: 'inline', waiting: 'polling' },
  { source: 'irqfd', dispatch: 'inline', waiting: 'parked' },
  { source: 'signal-msi', dispatch: 'inline', waiting: 'parked' },
];

const OPTIONS: LatencyOptions = {
  paths: PATHS,
  vcpus: 1,
  devices: 1,
  background: 'none',
  others: 0,
  handlerNs: 0,
  samples: 10_000,
  boots: 6,
  rate: 0,
  seconds: 30,
};

async function measureRecording(): Promise<Cost[]> {
  const layout = new Layout();
  const regions = {
    clock: layout.region('clock', CLOCK_WORDS),
    ring: layout.region('ring', eventRingWords(4096)),
    histogram: layout.region('histogram', histogramWords(LATENCY)),
  };
  const words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  startClock(words, regions.clock);
  const clock = new Clock(words, regions.clock);
  const ring = new EventRing(words, regions.ring);
  const histogram = new Histogram(words, regions.histogram, LATENCY);
  return [
    await measureCost('a stamp of a stage, time given', TIMES, (n) => {
      for (let i = 0; i < n; i++) ring.record(i & 7, i, 0, i);
    }),
    await measureCost('a latency into a histogram', TIMES, (n) => {
      for (let i = 0; i < n; i++) histogram.record(i & 0xffff);
    }),
    await measureCost('for comparison: a clock reading and a stamp', TIMES, (n) => {
      for (let i = 0; i < n; i++) ring.record(i & 7, i, 0, clock.now());
    }),
  ];
}

/** The costs of recording, and the ways of an interrupt beside calibration and C. About fifteen seconds. */
export async function run(options: Partial<LatencyOptions> = {}): Promise<LatencyFigures> {
  const recording = await measureRecording();
  const native = await runNative();
  const { result } = await runLatency({ ...OPTIONS, ...options });
  const { calibration } = result;
  const paths = result.paths.map(({ source, dispatch, waiting, latencyNs }): PathFigures => {
    const oneWay = (waiting === 'polling' ? calibration.spinNs.p50 : calibration.parkNs.p50) / 2;
    const inC = 'missing' in native ? null : (waiting === 'polling' ? native.spinNs : native.futexNs).p50 / 2;
    const p50 = latencyNs.p50 ?? Number.NaN;
    return {
      path: { source, dispatch, waiting },
      p50,
      allowed: ALLOWED[waiting](oneWay),
      toCalibration: p50 / oneWay,
      toNative: inC === null ? null : p50 / inC,
    };
  });
  return { recording, calibration, native, paths };
}

/** The figures as a table for people. */
export function format({ recording, calibration, native, paths }: LatencyFigures): string {
  const { spinNs, parkNs, steady } = calibration;
  const judged = (good: boolean) => (good ? 'within' : 'PAST');
  return [
    formatCosts(recording),
    `recording: ${judged(recording.slice(0, 2).every(({ nsEach }) => nsEach <= RECORDING_NS))} ${RECORDING_NS} ns, the clock aside`,
    '',
    ...paths.map(({ path: { source, waiting }, p50, allowed, toCalibration, toNative }) => {
      const inC =
        toNative === null
          ? ''
          : `, ${toNative.toFixed(2)} × C (${judged(toNative <= NATIVE_TIMES)} ${NATIVE_TIMES} ×)`;
      return `${source}, inline, ${waiting}: p50 ${p50.toFixed(0)} ns, ${judged(p50 <= allowed)} ${allowed.toFixed(0)} ns; ${toCalibration.toFixed(2)} × calibration${inC}`;
    }),
    `calibration: spinning round trip ${spinNs.p50} ns, parked ${parkNs.p50} ns, ${steady ? 'steady' : 'unsteady'}`,
    'missing' in native
      ? `C: not measured, ${native.missing}`
      : `C: spinning round trip ${native.spinNs.p50} ns, futex ${native.futexNs.p50} ns, eventfd ${native.eventfdNs.p50} ns`,
  ].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(format(await run()));
