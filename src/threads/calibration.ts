import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import { IrqError } from '../base/irq-error.ts';
import { WorkerPool } from '../base/pool.ts';
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

/** The bounds of a game, in ms and rounds. The first rounds, while code is compiled, do not count. */
const BUDGET_MS = 200;
const MOST_ROUNDS = { spin: 20_000, park: 2_500, eventCount: 2_500 } as const satisfies Record<Game, number>;
const WARM_ROUNDS = 16;
const ROUNDS_OF_A_GO = 500;
const CALLS = 300;
const WARM_CALLS = 30;
/** A spinning thread whose partner is on the same core passes one turn in a time slice: this bounds such a game. */
const BOUND_MS = 60_000;
const KEEP_ALIVE_MS = 2 ** 30;

/**
 * Measures the host on two threads of a pool like the vCPUs' pool. Start it once, measure before and after, then close
 * it; in between its threads sleep. Main thread only.
 */
export class Calibrator {
  readonly #pool = new WorkerPool(2);
  readonly #words: Words;
  readonly #regions = calibrationRegions();
  readonly #clock: Clock;
  readonly #sides: readonly Partner[];

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
   * Takes about a second.
   * @param games - the games to play; the others have no round trips
   * @throws IrqError `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
   */
  async measure(games: readonly Game[] = GAMES): Promise<CalibrationRun> {
    const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    try {
      return await this.#bounded(this.#measure(games));
    } finally {
      clearInterval(keepAlive);
    }
  }

  async #measure(games: readonly Game[]): Promise<CalibrationRun> {
    const clock = calibrateClock(this.#clock);
    const played = new Map<Game, Distribution>();
    for (const game of games) played.set(game, await this.#play(game));
    const taken = (game: Game) => played.get(game) ?? new Distribution(LATENCY);
    return {
      clock,
      spin: taken('spin'),
      park: taken('park'),
      eventCount: taken('eventCount'),
      waitAsync: await this.#waitAsync(),
      postMessage: await this.#time((partner) => echoed(partner.echo)),
      comlink: await this.#time((partner) => partner.remote.nothing()),
    };
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
    for (let done = 0; done < MOST_ROUNDS[game] && performance.now() - start < BUDGET_MS; ) {
      const rounds = Math.min(ROUNDS_OF_A_GO, WARM_ROUNDS + done);
      await this.#go(game, rounds);
      done += rounds;
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

  async #waitAsync(): Promise<Distribution> {
    const distribution = new Distribution(LATENCY);
    const [partner] = this.#sides;
    let seen = 0;
    const record = (ns: number) => {
      if (seen++ >= WARM_CALLS) distribution.record(ns);
    };
    const answered = partner?.remote.answerAsync(CALLS);
    await waitAsyncPing(this.#words, this.#regions.async, CALLS, this.#clock, record);
    await answered;
    return distribution;
  }

  async #time(call: (partner: Partner) => Promise<unknown>): Promise<Distribution> {
    const distribution = new Distribution(LATENCY);
    const [partner] = this.#sides;
    if (!partner) return distribution;
    for (let i = 0; i < CALLS; i++) {
      const start = this.#clock.now();
      await call(partner);
      if (i >= WARM_CALLS) distribution.record(this.#clock.now() - start);
    }
    return distribution;
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

  async close(): Promise<void> {
    for (const { remote } of this.#sides) remote.close().catch(() => undefined);
    const ends = Promise.all(this.#sides.map(({ ended }) => ended.catch(() => undefined)));
    await Promise.race([ends, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
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
