import { availableParallelism } from 'node:os';
import { Clock, startClock } from '../../measure/clock.ts';
import { EventRing, eventRingWords } from '../../measure/event-ring.ts';
import { store } from '../../memory/word.ts';
import { Calibrator } from '../../threads/calibration.ts';
import { calibrationFigures } from '../../threads/calibration-figures.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import { compiled } from '../../threads/entry.ts';
import { type Cast, Harness } from '../../threads/harness.ts';
import { buildLatency, type LatencyTopology } from './build.ts';
import { Collector } from './collect.ts';
import { Games } from './games.ts';
import { mailboxes } from './mailboxes.ts';
import { GAMES, type LatencyPlan, latencyViews } from './plan.ts';
import { errorOf, type LatencyPictures, type LatencyResult, pathResult } from './result.ts';
import { PathTally } from './tally.ts';

/** What to measure, and how often. */
export type LatencyOptions = LatencyTopology & {
  /** Signals of each path, 1 to 10,000,000; as many again are followed through their stages. */
  readonly samples: number;
  /** Signals a second of all devices together; 0 gives each when the one before has been handled. */
  readonly rate: number;
  /** No round of blocks is begun after so long. */
  readonly seconds: number;
};

export type LatencyWatch = {
  /** Ends the run after the block under way. */
  readonly signal?: AbortSignal;
  /** How far it is, 0 to 1. */
  readonly progress?: (share: number, phase: string) => void;
  /** Stands between the main thread and what it serves: a test puts a stall in here. */
  readonly dispatched?: (dispatched: Dispatched) => Dispatched;
};

/** Of the calibration, what the measured threads do not play themselves. */
const OTHER_GAMES = ['eventCount'] as const;

/** Signals of a block. Blocks of all paths take turns, so that what changes on the machine meets them all. */
const BLOCK = 64;
/** At a rate a block lasts at least so long: a stall must be able to pass within one. But rings hold no more than this. */
const BLOCK_SECONDS = 0.125;
const MOST_IN_BLOCK = 16_384;
/** Most stamps that a signal leaves in one ring. */
const STAMPS_EACH = 5;

/**
 * Measures how long an interrupt takes, and where the time goes, on each path in turn: the whole way without stamps on it
 * in one block, the stages in the next. The machine is calibrated before and after, and by the measured threads meanwhile.
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
    const before = await calibrator.measure(OTHER_GAMES);
    const { tallies, plan, games } = await measurePaths(options, watch);
    watch.progress?.(1, 'calibrating');
    const after = await calibrator.measure(OTHER_GAMES);
    const calibration = calibrationFigures({ ...before, ...games.trips(1) }, { ...after, ...games.trips(2) });
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
          rate,
          handlerNs,
          cores: availableParallelism(),
          node: process.version,
        },
        clock,
        error: errorOf(clock),
        calibration,
        stampNs: stampCost(),
        interrupted: watch.signal?.aborted ?? false,
        seconds: (performance.now() - start) / 1000,
        paths: paths.map((path, index) => {
          return pathResult(path, plan, tallies[index] ?? new PathTally(plan), calibration, rate);
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
    await calibrator.close();
  }
}

async function measurePaths(options: LatencyOptions, watch: LatencyWatch) {
  const atRate = Math.min(MOST_IN_BLOCK, Math.round(options.rate * BLOCK_SECONDS));
  const inBlock = Math.min(Math.max(BLOCK, atRate), options.samples);
  const perDevice = Math.ceil(inBlock / options.devices);
  const stamps = 2 ** Math.ceil(Math.log2(2 * STAMPS_EACH * perDevice * options.devices + 2));
  const { machine, plan } = buildLatency(options, stamps);
  const tallies = options.paths.map(() => new PathTally(plan));
  const served = mailboxes(machine, plan);
  const games = new Games(machine, plan);
  const harness = await Harness.boot(machine, castOf(plan, watch.dispatched?.(served) ?? served));
  try {
    const blocks = new Blocks(harness, plan, games, options, perDevice);
    const rounds = Math.ceil(options.samples / (perDevice * options.devices));
    const end = performance.now() + options.seconds * 1000;
    // Round 0 is for the compiler, and counts nowhere.
    for (let round = 0; round <= rounds; round++) {
      if (round > 1 && performance.now() > end) break;
      for (let game = 0; game < GAMES.length; game++) await blocks.play(game, partOf(round, rounds));
      for (let turn = 0; turn < options.paths.length; turn++) {
        if (watch.signal?.aborted) return { tallies, plan, games };
        watch.progress?.((round + turn / options.paths.length) / (rounds + 1), 'measuring');
        const path = (round + turn) % options.paths.length;
        const whole = await blocks.run(path, false);
        const staged = await blocks.run(path, true);
        if (round === 0) continue;
        tallies[path]?.addWhole(whole);
        tallies[path]?.addStaged(staged);
      }
    }
    return { tallies, plan, games };
  } finally {
    store(machine.words, latencyViews(machine, plan).stopAt, 1);
    await harness.close();
  }
}

/** Of the games: 0 in the round that counts nowhere, 1 in the first half of the others, 2 in the second. */
function partOf(round: number, rounds: number): number {
  if (round === 0) return 0;
  return 2 * round > rounds + 1 ? 2 : 1;
}

/** Runs blocks on a machine whose threads are booted. */
class Blocks {
  readonly #harness: Harness;
  readonly #plan: LatencyPlan;
  readonly #games: Games;
  readonly #collector: Collector;
  readonly #views: ReturnType<typeof latencyViews>;
  readonly #count: number;
  readonly #intervalNs: number;

  constructor(
    harness: Harness,
    plan: LatencyPlan,
    games: Games,
    { rate, devices }: LatencyOptions,
    count: number,
  ) {
    this.#harness = harness;
    this.#plan = plan;
    this.#games = games;
    this.#collector = new Collector(harness.machine, plan);
    this.#views = latencyViews(harness.machine, plan);
    this.#count = count;
    this.#intervalNs = rate > 0 ? Math.max(1, Math.round((1e9 * devices) / rate)) : 0;
  }

  /** One go of a game of the calibration, of vCPU 0 against device 0; the others rest. */
  async play(game: number, part: number): Promise<void> {
    const { machine, vcpus, programs } = this.#harness;
    const { pathAt, countAt, gameAt } = this.#views;
    store(machine.words, pathAt, this.#games.numberOf(game, part));
    store(machine.words, countAt, BLOCK);
    store(machine.words, gameAt, BLOCK);
    const pong = vcpus[0]?.run();
    pong?.catch(() => undefined);
    try {
      await Promise.race([programs.get('device0')?.run(), failureOf(pong)]);
    } finally {
      machine.vcpu(0).kick();
    }
    await pong;
  }

  /** One block: the vCPUs enter their guests, the devices signal, and the vCPUs leave. */
  async run(path: number, staged: boolean) {
    const { machine } = this.#harness;
    const { source } = this.#plan.paths[path] ?? { source: 'irqfd' };
    const { pathAt, countAt, intervalAt, stopAt } = this.#views;
    const bySgi = source === 'sgi';
    if (machine.stamps) machine.stamps.on = staged;
    store(machine.words, pathAt, path);
    // One sender sends for all devices.
    store(machine.words, countAt, bySgi ? this.#count * this.#plan.devices : this.#count);
    store(machine.words, intervalAt, bySgi ? this.#intervalNs / this.#plan.devices : this.#intervalNs);
    store(machine.words, stopAt, 0);

    const vcpus = this.#harness.vcpus.map((thread) => thread.run());
    const all = Promise.all(vcpus);
    const storm = this.#harness.programs.get('storm')?.run();
    // Where one thread fails, the others are not waited for, and may fail in turn.
    for (const other of [all, storm]) other?.catch(() => undefined);
    const signalling = bySgi
      ? [vcpus[this.#plan.sender]]
      : [...this.#harness.programs].flatMap(([name, thread]) => (name === 'storm' ? [] : [thread.run()]));
    try {
      await Promise.race([Promise.all(signalling), failureOf(all), failureOf(storm)]);
    } finally {
      store(machine.words, stopAt, 1);
      for (const [vcpu] of vcpus.entries()) if (vcpu !== this.#plan.sender) machine.vcpu(vcpu).kick();
    }
    await Promise.all([all, storm]);
    return this.#collector.collect(source, staged);
  }
}

/** Never resolves; rejects when `promise` does. */
function failureOf(promise: Promise<unknown> | undefined): Promise<never> {
  return Promise.resolve(promise).then(() => new Promise<never>(() => undefined));
}

function castOf(plan: LatencyPlan, dispatched: Dispatched): Cast {
  const module = (name: string) => compiled(import.meta.url, `./${name}.ts`);
  const devices = Array.from({ length: plan.devices }, (_, device) => {
    return [
      `device${device}`,
      { module: module('device'), name: 'latencyDevice', options: { plan, device } },
    ] as const;
  });
  const storm = { module: module('device'), name: 'latencyStorm', options: plan };
  return {
    guest: { module: module('guest'), name: 'latencyGuest', options: plan },
    programs: { ...Object.fromEntries(devices), ...(plan.stormFds.length > 0 ? { storm } : {}) },
    dispatched,
  };
}

const STAMPS_TIMED = 50_000;
const SCRATCH_STAMPS = 1024;

/** What a stamp costs here: a reading of the clock and a record in a ring, ns. */
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
