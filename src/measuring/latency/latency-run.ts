import { availableParallelism } from 'node:os';
import { Clock, startClock } from '../../measure/clock.ts';
import { EventRing, eventRingWords } from '../../measure/event-ring.ts';
import { store } from '../../memory/word.ts';
import { Calibrator } from '../../threads/calibration.ts';
import { calibrationFigures } from '../../threads/calibration-figures.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import { Harness } from '../../threads/harness.ts';
import { NO_OWN, ownNames } from '../own/own-code.ts';
import { Blocks, blockSize, castOf } from './blocks.ts';
import { Games, mergeTrips, noTrips, type Trips } from './games.ts';
import { buildLatency, type LatencyTopology } from './latency-build.ts';
import { GAMES, type LatencyPlan, latencyViews } from './latency-plan.ts';
import type { LatencyPictures, LatencyResult, Path } from './latency-result.ts';
import { errorOf, pathResult } from './latency-summary.ts';
import { PathTally } from './latency-tally.ts';
import { mailboxes } from './mailboxes.ts';

/** Options of {@link runLatency}. */
export type LatencyOptions = LatencyTopology & {
  /** Signals of each path, 1 to 10,000,000, and as many again with stamps of their stages. */
  readonly samples: number;
  /** Signals a second of all devices together; 0: a device sends the next signal after the last was handled. */
  readonly rate: number;
  /** The run begins no further round after so many seconds, except the first on each machine. */
  readonly seconds: number;
  /**
   * Machines to boot one after the other; default 1. Memory placement and compiled code make each machine a little faster or slower
   * for its whole life.
   */
  readonly boots?: number;
};

export type LatencyWatch = {
  /** Ends the run; the current block does not count. */
  readonly signal?: AbortSignal;
  /** Called with the completed share of the run, 0 to 1. */
  readonly progress?: (share: number, phase: string) => void;
  /** Wraps the queue that the main thread serves, so that a test can inject a stall. */
  readonly dispatched?: (dispatched: Dispatched) => Dispatched;
};

/**
 * Warm-up rounds on each machine, which do not count. Paths alternate as in counted rounds, because code that was compiled for
 * one path alone is compiled again when other paths run. At a rate, whose blocks are long, one round.
 */
const WARM_ROUNDS = 24;
/** One warm-up round in so many includes the paths on which a thread sleeps: their blocks take milliseconds, mostly asleep. */
const SLOW_EVERY = 4;

/** Time of one calibration for each kind of round trip, ms for each second of the run. Both calibrations take a sixth of the run. */
const CALIBRATION_MS_EACH_SECOND = 20;

/** Round trips of the calibration that other threads than the measured ones play. */
const OTHER_GAMES = ['eventCount'] as const;

/**
 * Measures the latency of an interrupt and of its stages on each path in turn: one block times the whole way without stamps, the next
 * stamps the stages. A calibration runs before and after; the measured threads play games between blocks.
 * @throws IrqError `ERR_CONFIG`; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runLatency(
  options: LatencyOptions,
  watch: LatencyWatch = {},
): Promise<{ result: LatencyResult; pictures: LatencyPictures }> {
  const start = performance.now();
  const calibrator = new Calibrator();
  try {
    watch.progress?.(0, 'calibrating');
    const calibration = {
      games: OTHER_GAMES,
      budgetMs: options.seconds * CALIBRATION_MS_EACH_SECOND,
      signal: watch.signal,
    };
    const before = await calibrator.measure(calibration);
    const { boots, tallies, plan, played } = await measurePaths(
      options,
      watch,
      start + options.seconds * 1000,
    );
    watch.progress?.(1, 'calibrating');
    const after = await calibrator.measure(calibration);
    const figures = calibrationFigures({ ...before, ...played[0] }, { ...after, ...played[1] });
    const clock = after.clock.costNs < before.clock.costNs ? after.clock : before.clock;
    const { vcpus, devices, background, others, handlerNs, samples, rate, paths } = options;
    const of = <T>(read: (tally: PathTally) => T): T[] => tallies.map(read);
    return {
      result: {
        schemaVersion: 1,
        command: 'latency',
        config: {
          vcpus,
          devices,
          background,
          others: background === 'none' ? 0 : others,
          samples,
          boots,
          rate,
          handlerNs,
          ...ownNames(options.own ?? NO_OWN),
          cores: availableParallelism(),
          node: process.version,
        },
        clock,
        error: errorOf(clock),
        calibration: figures,
        stampNs: stampCost(),
        interrupted: watch.signal?.aborted ?? false,
        seconds: (performance.now() - start) / 1000,
        paths: paths.map((path, index) => {
          return pathResult(path, plan, tallies[index] ?? new PathTally(plan), figures, rate);
        }),
      },
      pictures: {
        points: of((tally) => tally.points),
        deliveries: of((tally) => tally.deliveries),
        latency: of((tally) => tally.latency),
        uncorrected: of((tally) => tally.uncorrected),
        stages: of((tally) => tally.stages),
        plan,
      },
    };
  } finally {
    await calibrator.close(watch.signal?.aborted);
  }
}

type Measured = {
  /** The number of booted machines. */
  readonly boots: number;
  readonly plan: LatencyPlan;
  readonly tallies: readonly PathTally[];
  /** Round trips in the first and in the second half of the rounds. */
  readonly played: readonly [Trips, Trips];
};

/** @param end - end of the run, ms on the clock of `performance` */
async function measurePaths(options: LatencyOptions, watch: LatencyWatch, end: number): Promise<Measured> {
  const size = blockSize(options);
  const rounds = Math.ceil(options.samples / size.signals);
  const boots = Math.min(options.boots ?? 1, rounds);
  const start = performance.now();
  const first = buildLatency(options, size.stamps);
  const { plan } = first;
  const measured = {
    boots: 0,
    plan,
    tallies: options.paths.map(() => new PathTally(plan)),
    played: [noTrips(), noTrips()] as const,
  };
  const [before, after] = measured.played;
  const share = (boot: number) => ({
    boot,
    from: Math.floor((boot * rounds) / boots),
    to: Math.floor(((boot + 1) * rounds) / boots),
    rounds,
    end: start + ((end - start) * (boot + 1)) / boots,
  });
  const { signal } = watch;
  for (let boot = 0; boot < boots && !signal?.aborted; boot++) {
    measured.boots++;
    const { machine } = boot === 0 ? first : buildLatency(options, size.stamps);
    const served = mailboxes(machine, plan);
    const games = new Games(machine, plan);
    const cast = castOf(plan, watch.dispatched?.(served) ?? served);
    const harness = await Harness.boot(machine, cast, undefined, signal);
    // A machine's clock starts at its boot.
    const sinceStart = Math.round((performance.now() - start) * 1e6 - machine.clock.now());
    try {
      const blocks = new Blocks(harness, plan, games, { ...options, signal }, sinceStart);
      await measureShare(blocks, options, watch, measured.tallies, share(boot));
    } finally {
      store(machine.words, latencyViews(machine, plan).stopAt, 1);
      await (signal?.aborted ? harness.destroy() : harness.close());
    }
    mergeTrips(before, games.trips(1));
    mergeTrips(after, games.trips(2));
  }
  // A single round has no second half: both use the same trips.
  if (after.spin.total === 0) mergeTrips(after, before);
  return measured;
}

/** One machine's share of the rounds, and the time after which no further round begins. */
type Share = {
  readonly boot: number;
  readonly from: number;
  readonly to: number;
  readonly rounds: number;
  readonly end: number;
};

async function measureShare(
  blocks: Blocks,
  { paths, rate }: LatencyOptions,
  watch: LatencyWatch,
  tallies: readonly PathTally[],
  { boot, from, to, rounds, end }: Share,
): Promise<void> {
  const warm = rate > 0 ? 1 : WARM_ROUNDS;
  for (let round = from - warm; round < to && !watch.signal?.aborted; round++) {
    const counts = round >= from;
    // Each machine measures its first round even after the end, so that each path has a figure.
    const isOver = () => performance.now() > end && round !== from;
    if (isOver() && !counts) continue;
    watch.progress?.(Math.max(from, round) / rounds, 'measuring');
    const half = 2 * round < rounds ? 1 : 2;
    for (let game = 0; game < GAMES.length && !isOver(); game++) await blocks.play(game, counts ? half : 0);
    for (let turn = 0; turn < paths.length && !isOver(); turn++) {
      if (watch.signal?.aborted) return;
      // Each round starts with another path.
      const path = (round + warm + turn) % paths.length;
      if (!counts && isSlow(paths[path]) && (from - round) % SLOW_EVERY !== 1) continue;
      const [whole, staged] = [await blocks.run(path, false, counts), await blocks.run(path, true, counts)];
      if (whole === undefined || staged === undefined) return;
      if (!counts) continue;
      tallies[path]?.addWhole(whole, boot);
      tallies[path]?.addStaged(staged);
    }
  }
}

function isSlow(path: Path | undefined): boolean {
  return path?.dispatch === 'main' || path?.waiting === 'parked';
}

const STAMPS_TIMED = 50_000;
const SCRATCH_STAMPS = 1024;

/** Measures the cost of a stamp on this host, ns: a clock reading and a record in a ring. */
function stampCost(): number {
  const words = new Int32Array(new SharedArrayBuffer(4 * (eventRingWords(SCRATCH_STAMPS) + 16)));
  startClock(words, { at: 0, words: 2 });
  const clock = new Clock(words, { at: 0, words: 2 });
  const ring = new EventRing(words, { at: 16, words: eventRingWords(SCRATCH_STAMPS) });
  const time = () => {
    const start = clock.now();
    for (let i = 0; i < STAMPS_TIMED; i++) ring.record(0, i, 0, clock.now());
    return (clock.now() - start) / STAMPS_TIMED;
  };
  time();
  return Math.min(time(), time(), time());
}
