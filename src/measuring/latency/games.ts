import type { Machine } from '../../board/machine.ts';
import { LATENCY } from '../../measure/buckets.ts';
import { Distribution } from '../../measure/distribution.ts';
import { Histogram } from '../../measure/histogram.ts';
import { spinPing, spinPong } from '../../measure/ping-pong.ts';
import { waitPing, waitPong } from '../../measure/wait-ping-pong.ts';
import { load, store } from '../../memory/word.ts';
import { GAMES, type LatencyPlan, latencyViews } from './latency-plan.ts';

/**
 * The calibration's ping-pong, played by the measured threads themselves in blocks between those of the paths: the cost of a wake-up
 * depends on the cores on which the kernel has placed the two threads.
 *
 * Device 0 plays against vCPU 0. Numbers of games follow those of the paths: a number for each game in each part of the run. The parts
 * are the warm-up, which is not counted, and the two halves.
 */
export class Games {
  readonly #machine: Machine;
  readonly #first: number;
  readonly #views: ReturnType<typeof latencyViews>;
  readonly #trips: readonly Histogram[];

  constructor(machine: Machine, plan: LatencyPlan) {
    this.#machine = machine;
    this.#first = plan.paths.length;
    this.#views = latencyViews(machine, plan);
    this.#trips = this.#views.trips.map((region) => new Histogram(machine.words, region, LATENCY));
  }

  /** The value of the `path` word that selects a game in a part of the run. */
  numberOf(game: number, part: number): number {
    return this.#first + part * GAMES.length + game;
  }

  isGame(block: number): boolean {
    return block >= this.#first;
  }

  /** The device's side. Blocks its thread. @throws IrqError `ERR_THREAD_SILENT` if the vCPU does not answer */
  ping(block: number, rounds: number): void {
    const { words, clock } = this.#machine;
    const game = (block - this.#first) % GAMES.length;
    const [table, trips] = [this.#views.tables[game], this.#trips[block - this.#first]];
    if (!table || !trips) return;
    if (GAMES[game] === 'spin') spinPing(words, table, rounds, clock, trips);
    else waitPing(words, table, rounds, clock, trips);
  }

  /** The vCPU's side: plays a game that was announced and not played yet. Blocks its thread. @throws IrqError `ERR_THREAD_SILENT` */
  pongIfOn(): void {
    const { words } = this.#machine;
    const { gameAt, pathAt, tables } = this.#views;
    const rounds = load(words, gameAt);
    if (rounds === 0) return;
    store(words, gameAt, 0);
    const game = (load(words, pathAt) - this.#first) % GAMES.length;
    const table = tables[game];
    if (!table) return;
    if (GAMES[game] === 'spin') spinPong(words, table, rounds);
    else waitPong(words, table, rounds);
  }

  /** The round trips of a part. Call it while no thread plays. */
  trips(part: number): Trips {
    const of = (game: number): Distribution =>
      this.#trips[part * GAMES.length + game]?.read() ?? new Distribution(LATENCY);
    return { spin: of(0), park: of(1) };
  }
}

/** Round trips of the measured threads, by game. */
export type Trips = { readonly spin: Distribution; readonly park: Distribution };

export function noTrips(): Trips {
  return { spin: new Distribution(LATENCY), park: new Distribution(LATENCY) };
}

export function mergeTrips(into: Trips, more: Trips): void {
  into.spin.merge(more.spin);
  into.park.merge(more.park);
}
