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
 * Stages that only a measurement stamps, in a device's ring: the intended time of a signal, and the return of the call that sent the
 * signal.
 */
export const INTENDED = 64;
export const RETURNED = 65;

/** The plan that every thread of a measurement gets. Plain data. */
export type LatencyPlan = Measured & {
  readonly paths: readonly Path[];
  readonly background: Background;
  /** vCPUs after the measured ones, for the background. */
  readonly others: number;
  /** The storm's eventfds, one for each of the others. */
  readonly stormFds: readonly Fd[];
  /** The shortest time that a handler runs, ns. */
  readonly handlerNs: number;
  /** How many threads can run at the same time. */
  readonly cores: number;
  readonly own: OwnCode;
};

/** The words that describe the current block. */
const PATH = 0;
const COUNT = 1;
const INTERVAL = 2;
const GAME = 3;

/** Games of the measured threads for the calibration: both spin, or both sleep. */
export const GAMES = ['spin', 'park'] as const;
/** Parts of a run, each with its own figures of the games: the warm-up, the first half, the second half. */
const PARTS = 3;

export type LatencyRegions = {
  readonly block: Region;
  readonly stop: Region;
  readonly itsLock: Region;
  /** By line: how many of its signals have been handled, modulo 2^32. A cache line each. */
  readonly done: Region;
  /** By device: the bell on which its thread sleeps. */
  readonly bells: readonly Region[];
  /** `tables`: by game. `trips`, the round trips: by part of the run, then by game. */
  readonly tables: readonly Region[];
  readonly trips: readonly Region[];
  /** The current call of each user's guest, for messages. */
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

/** Words that a measurement needs of the machine's `scenario` region. */
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
