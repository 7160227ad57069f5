import type { Machine } from '../../board/machine.ts';
import type { Fd } from '../../kvm/gsi.ts';
import { LATENCY } from '../../measure/buckets.ts';
import { histogramWords } from '../../measure/histogram.ts';
import { PING_PONG_WORDS } from '../../measure/ping-pong.ts';
import { EVENT_COUNT, EventCount } from '../../memory/event-count.ts';
import { Layout, LINE, type Region } from '../../memory/layout.ts';
import { MUTEX, Mutex } from '../../memory/mutex.ts';
import { Places, placesRegion } from '../../threads/user/places.ts';
import type { OwnCode } from '../own/own-code.ts';
import type { Background, Measured, Path } from './latency-result.ts';

/**
 * Stages of the scenario's own in a device's ring: when a signal was to be given, had everything been in time; and when
 * the call that gave it returned.
 */
export const INTENDED = 64;
export const RETURNED = 65;

/** What every thread of a measurement is told. Plain data. */
export type LatencyPlan = Measured & {
  readonly paths: readonly Path[];
  readonly background: Background;
  /** vCPUs after the measured ones, for the background. */
  readonly others: number;
  /** The storm's eventfds, one for each of the others. */
  readonly stormFds: readonly Fd[];
  /** How long a handler runs at least, ns. */
  readonly handlerNs: number;
  /** How many threads can run at one time. */
  readonly cores: number;
  readonly own: OwnCode;
};

/** The words that say what the block under way is, and where it stands. */
const PATH = 0;
const COUNT = 1;
const INTERVAL = 2;
const GAME = 3;

/** What the measured threads play for the calibration: both spin, or both sleep. */
export const GAMES = ['spin', 'park'] as const;
/** What they play in the warm-up, in the first half of the run and in the second. */
const PARTS = 3;

export type LatencyRegions = {
  readonly block: Region;
  readonly stop: Region;
  readonly itsLock: Region;
  /** By line: how many of its signals have been handled, modulo 2^32. A cache line each. */
  readonly done: Region;
  /** By device: where it sleeps. */
  readonly bells: readonly Region[];
  /** By game: its table. By part of the run, and within one by game: its round trips. */
  readonly tables: readonly Region[];
  readonly trips: readonly Region[];
  /** Where the guests of the user's own are. */
  readonly places: Region;
};

function latencyRegions(layout: Layout, { lines, devices, vcpus }: Sizes): LatencyRegions {
  return {
    block: layout.region('block', LINE),
    stop: layout.region('stop', LINE),
    itsLock: layout.place('itsLock', MUTEX),
    done: layout.region('done', lines.length * LINE),
    bells: Array.from({ length: devices }, (_, device) => layout.place(`bell${device}`, EVENT_COUNT)),
    tables: GAMES.map((game) => layout.region(`${game}.table`, PING_PONG_WORDS)),
    trips: Array.from({ length: PARTS }, (_, part) =>
      GAMES.map((game) => layout.region(`${game}.trips${part}`, histogramWords(LATENCY))),
    ).flat(),
    places: placesRegion(layout, vcpus),
  };
}

type Sizes = Pick<LatencyPlan, 'lines' | 'devices' | 'vcpus'>;

/** How many words of the scenario a measurement needs. */
export function latencyWords(sizes: Sizes): number {
  const layout = new Layout();
  latencyRegions(layout, sizes);
  return layout.words;
}

/** The views of a measurement on a machine. */
export function latencyViews(machine: Machine, plan: Sizes) {
  const regions = latencyRegions(new Layout(machine.scenario.at), plan);
  const { at } = regions.block;
  return {
    pathAt: at + PATH,
    countAt: at + COUNT,
    intervalAt: at + INTERVAL,
    gameAt: at + GAME,
    stopAt: regions.stop.at,
    doneAt: (line: number) => regions.done.at + line * LINE,
    bells: regions.bells.map((region) => new EventCount(machine.words, region)),
    tables: regions.tables,
    trips: regions.trips,
    places: new Places(machine.words, regions.places),
    itsLock: new Mutex(machine.words, regions.itsLock, 'the guest lock of the ITS driver'),
  };
}
