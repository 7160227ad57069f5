import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import { IrqError } from '../base/irq-error.ts';
import { WorkerPool } from '../base/pool.ts';
import { untilAborted } from '../base/until-aborted.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Clock, type ClockFigures, calibrateClock, startClock } from '../measure/clock.ts';
import { Distribution } from '../measure/distribution.ts';
import { Histogram } from '../measure/histogram.ts';
import { waitAsyncPing } from '../measure/wait-ping-pong.ts';
import type { Words } from '../memory/word.ts';
import { unwrap } from './answer.ts';
import { type CalibrationConsole, calibrationRegions, GAMES, type Game } from './calibration-thread.ts';

/** One measurement of the host: the round trips of every kind, ns. */
export type CalibrationRun = {
  readonly clock: ClockFigures;
  /** Two threads: spinning; sleeping on a bare word; sleeping in an event count. */
  readonly spin: Distribution;
  readonly park: Distribution;
  readonly eventCount: Distribution;
  /** The main thread in waitAsync and a sleeping thread; a message there and back; a comlink call. */
  readonly waitAsync: Distribution;
  readonly postMessage: Distribution;
  readonly comlink: Distribution;
};

export type Trip = keyof Omit<CalibrationRun, 'clock'>;
export const TRIPS = [
  'spin',
  'park',
  'eventCount',
  'waitAsync',
  'postMessage',
  'comlink',
] as const satisfies readonly Trip[];

type Trips = Record<Trip, Distribution>;

export type CalibrationOptions = {
  /** The games that are played; of the others there are no round trips. */
  readonly games?: readonly Game[];
  /** How long each kind of round trip is measured, ms, up to 200; on a busy machine longer, until there are a few. */
  readonly budgetMs?: number;
  /** Ends the calibration. */
  readonly signal?: AbortSignal | undefined;
};

/** How long each kind of round trip is measured at most, ms; how many rounds at most; the first rounds, while code is compiled, do not count. */
const BUDGET_MS = 200;
const MOST_ROUNDS = { spin: 20_000, park: 2_500, eventCount: 2_500 } as const satisfies Record<Game, number>;
const WARM_ROUNDS = 16;
/** A go has so many rounds at most, and fewer where one took longer, ms: where cores are busy a round may take as long as a time slice. */
const ROUNDS_OF_A_GO = 500;
const LONG_GO_MS = 25;
const LEAST_ROUNDS = 4;
/** So many round trips of each kind are measured, however long they take: a median wants a few. */
const LEAST_TRIPS = 16;
const CALLS = 300;
const CALLS_OF_A_GO = 30;
const WARM_CALLS = 30;
/** A spinning thread whose partner is on the same core passes one turn in a time slice: this bounds such a game. */
const BOUND_MS = 60_000;
const KEEP_ALIVE_MS = 2 ** 30;

/**
 * Measures the host on two threads of a pool like the vCPUs' pool. Start the calibrator once, measure before and after, then
 * close the calibrator; in between its threads sleep. Main thread only.
 */
export class Calibrator {
  readonly #pool = new WorkerPool(2);
  readonly #words: Words;
  readonly #regions = calibrationRegions();
  readonly #clock: Clock;
  readonly #sides: readonly Partner[];
  #isStopped: () => boolean = () => false;
  #budgetMs = BUDGET_MS;

  constructor() {
    this.#words = new Int32Array(new SharedArrayBuffer(4 * this.#regions.words));
    startClock(this.#words, this.#regions.clock);
    this.#clock = new Clock(this.#words, this.#regions.clock);
    this.#sides = [this.#start(), this.#start()];
  }

  #start(): Partner {
    const [board, echo] = [new MessageChannel(), new MessageChannel()];
    const ended = this.#pool.run<void>(
      'calibration',
      { buffer: this.#words.buffer, port: board.port2, echo: echo.port2 },
      [board.port2, echo.port2],
    );
    ended.catch(() => undefined); // a caller that waits for this thread gets the error
    return {
      remote: wrap<CalibrationConsole>(board.port1 as unknown as Parameters<typeof wrap>[0]),
      port: board.port1,
      echo: echo.port1,
      ended,
    };
  }

  /**
   * Takes about a second. If the signal aborts first, the outcome has the measurements so far, and empty distributions for the rest.
   * @throws IrqError `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
   */
  async measure({
    games = GAMES,
    budgetMs = BUDGET_MS,
    signal,
  }: CalibrationOptions = {}): Promise<CalibrationRun> {
    const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    const trips = Object.fromEntries(TRIPS.map((trip) => [trip, new Distribution(LATENCY)])) as Trips;
    const clock = calibrateClock(this.#clock);
    this.#isStopped = () => signal?.aborted ?? false;
    this.#budgetMs = Math.min(BUDGET_MS, budgetMs);
    try {
      await untilAborted(this.#bounded(this.#measure(games, trips)), signal);
      return { clock, ...trips };
    } finally {
      clearInterval(keepAlive);
    }
  }

  async #measure(games: readonly Game[], trips: Trips): Promise<void> {
    for (const game of games) trips[game] = await this.#play(game);
    await this.#waitAsync(trips.waitAsync);
    await this.#time(trips.postMessage, (partner) => echoed(partner.echo));
    await this.#time(trips.comlink, (partner) => partner.remote.nothing());
  }

  /** Whether a kind that was begun at that moment, ms, has had its time. */
  #isOver(start: number): boolean {
    return this.#isStopped() || performance.now() - start >= this.#budgetMs;
  }

  /**
   * Plays in short rounds. Two threads that spin on one core pass a turn only once in a time slice, until the system
   * moves one of them; a round must not be long, nor the only one.
   */
  async #play(game: Game): Promise<Distribution> {
    const trips = () => new Histogram(this.#words, this.#regions.games[game].trips, LATENCY).read();
    await this.#go(game, WARM_ROUNDS);
    const warm = trips();
    const start = performance.now();
    let rounds = WARM_ROUNDS;
    for (let done = 0; done < MOST_ROUNDS[game] && (done < LEAST_TRIPS || !this.#isOver(start)); ) {
      const begun = performance.now();
      await this.#go(game, rounds);
      done += rounds;
      const isLong = performance.now() - begun > LONG_GO_MS;
      rounds = isLong ? Math.max(LEAST_ROUNDS, rounds >> 1) : Math.min(ROUNDS_OF_A_GO, 2 * rounds);
    }
    return trips().since(warm);
  }

  async #go(game: Game, rounds: number): Promise<void> {
    const [ping, pong] = this.#sides;
    if (!ping || !pong) return;
    const answers = await Promise.all([
      ping.remote.play(game, 'ping', rounds),
      pong.remote.play(game, 'pong', rounds),
    ]);
    for (const given of answers) unwrap(given);
  }

  async #waitAsync(distribution: Distribution): Promise<void> {
    const [partner] = this.#sides;
    const start = performance.now();
    let [seen, inGo] = [0, 0];
    const record = (ns: number) => {
      // The first round of a go waits until the partner has begun.
      if (seen++ >= WARM_CALLS && inGo++ > 0) distribution.record(ns);
    };
    for (
      let done = 0;
      done < CALLS && (distribution.total < LEAST_TRIPS || !this.#isOver(start));
      done += CALLS_OF_A_GO
    ) {
      inGo = 0;
      const answered = partner?.remote.answerAsync(CALLS_OF_A_GO);
      await waitAsyncPing(this.#words, this.#regions.async, CALLS_OF_A_GO, this.#clock, record);
      await answered;
    }
  }

  async #time(distribution: Distribution, call: (partner: Partner) => Promise<unknown>): Promise<void> {
    const [partner] = this.#sides;
    if (!partner) return;
    const start = performance.now();
    for (let i = 0; i < CALLS && (distribution.total < LEAST_TRIPS || !this.#isOver(start)); i++) {
      const begun = this.#clock.now();
      await call(partner);
      if (i >= WARM_CALLS) distribution.record(this.#clock.now() - begun);
    }
  }

  /** A call to a dead thread never settles, so each call is raced against the ends of the threads and a bound. */
  async #bounded<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<never>((_, reject) => {
      const late = () =>
        reject(new IrqError('ERR_THREAD_SILENT', `calibration did not end within ${BOUND_MS} ms`));
      timer = setTimeout(late, BOUND_MS);
    });
    const died = this.#sides.map(async ({ ended }): Promise<never> => {
      const cause = await ended.catch((thrown: unknown) => thrown);
      throw new IrqError('ERR_THREAD_DIED', 'a calibration thread ended', cause ? { cause } : {});
    });
    for (const end of died) end.catch(() => undefined);
    try {
      return await Promise.race([work, silent, ...died]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the threads. @param atOnce - whether in the middle of a game too: nothing of them is waited for */
  async close(atOnce = false): Promise<void> {
    for (const { remote } of this.#sides) remote.close().catch(() => undefined);
    const ends = Promise.all(this.#sides.map(({ ended }) => ended.catch(() => undefined)));
    if (!atOnce) await Promise.race([ends, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
    for (const { port, echo } of this.#sides) {
      port.close();
      echo.close();
    }
    await this.#pool.destroy();
  }
}

type Partner = {
  readonly remote: Remote<CalibrationConsole>;
  readonly port: MessagePort;
  readonly echo: MessagePort;
  readonly ended: Promise<void>;
};

function echoed(port: MessagePort): Promise<unknown> {
  return new Promise((resolve) => {
    port.once('message', resolve);
    port.postMessage(0);
  });
}
