import type { Machine } from '../../board/machine.ts';
import { LATENCY } from '../../measure/buckets.ts';
import { Distribution } from '../../measure/distribution.ts';
import { Histogram } from '../../measure/histogram.ts';
import { spinPing, spinPong } from '../../measure/ping-pong.ts';
import { waitPing, waitPong } from '../../measure/wait-ping-pong.ts';
import { load, store } from '../../memory/word.ts';
import { GAMES, type LatencyPlan, latencyViews } from './latency-plan.ts';

/**
 * The ping-pong of the calibration, played by the very threads that are measured, in blocks between those of the paths:
 * what a wake-up costs depends on which cores the system has put two threads on, and these it has put where it put them.
 *
 * The device plays against vCPU 0. A game is numbered after the paths, once for each part of the run: the warm-up, which
 * counts nowhere, and the two halves.
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

  /** What stands in the block's word for a game of a part of the run. */
  numberOf(game: number, part: number): number {
    return this.#first + part * GAMES.length + game;
  }

  isGame(block: number): boolean {
    return block >= this.#first;
  }

  /** The device's side. Blocks its thread. @throws IrqError `ERR_THREAD_SILENT` where the vCPU does not play */
  ping(block: number, rounds: number): void {
    const { words, clock } = this.#machine;
    const game = (block - this.#first) % GAMES.length;
    const [table, trips] = [this.#views.tables[game], this.#trips[block - this.#first]];
    if (!table || !trips) return;
    if (GAMES[game] === 'spin') spinPing(words, table, rounds, clock, trips);
    else waitPing(words, table, rounds, clock, trips);
  }

  /** The vCPU's side, if a game is on and not played yet. Blocks its thread. @throws IrqError `ERR_THREAD_SILENT` */
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

  /** The round trips of a part. While no thread plays. */
  trips(part: number): Trips {
    const of = (game: number): Distribution =>
      this.#trips[part * GAMES.length + game]?.read() ?? new Distribution(LATENCY);
    return { spin: of(0), park: of(1) };
  }
}

/** Round trips of the threads that are measured. */
export type Trips = { readonly spin: Distribution; readonly park: Distribution };

export function noTrips(): Trips {
  return { spin: new Distribution(LATENCY), park: new Distribution(LATENCY) };
}

export function mergeTrips(into: Trips, more: Trips): void {
  into.spin.merge(more.spin);
  into.park.merge(more.park);
}
