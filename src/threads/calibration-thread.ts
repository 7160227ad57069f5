import type { MessagePort } from 'node:worker_threads';
import { expose } from 'comlink';
import { LATENCY } from '../measure/buckets.ts';
import { CLOCK_WORDS, Clock } from '../measure/clock.ts';
import { Histogram, histogramWords } from '../measure/histogram.ts';
import { PING_PONG_WORDS, parkPing, parkPong, spinPing, spinPong } from '../measure/ping-pong.ts';
import { waitPing, waitPong } from '../measure/wait-ping-pong.ts';
import { Layout } from '../memory/layout.ts';
import type { Words } from '../memory/word.ts';
import { type Answer, answer } from './answer.ts';

/** The games of two threads: both spin; both sleep on a bare word; both sleep in an event count. */
export const GAMES = ['spin', 'park', 'eventCount'] as const;
export type Game = (typeof GAMES)[number];
type Side = 'ping' | 'pong';

/** The regions of the games in the buffer that both threads and the main thread share. */
export function calibrationRegions() {
  const layout = new Layout();
  const of = (game: Game) => ({
    table: layout.region(`${game}.table`, PING_PONG_WORDS),
    trips: layout.region(`${game}.trips`, histogramWords(LATENCY)),
  });
  const clock = layout.region('clock', CLOCK_WORDS);
  const games = { spin: of('spin'), park: of('park'), eventCount: of('eventCount') };
  return { clock, games, async: layout.region('async', PING_PONG_WORDS), words: layout.words };
}

/** The calls that a calibration thread answers. */
export type CalibrationConsole = {
  /** Plays one side of a game; blocks the thread until the game is over. The pinger records the round trips. */
  play(game: Game, side: Side, rounds: number): Answer<void>;
  /** The blocking side of the waitAsync game, whose other side is the main thread. */
  answerAsync(rounds: number): Answer<void>;
  /** Does nothing: measures a call through comlink. */
  nothing(): void;
  close(): void;
};

/** The arguments of a calibration thread. With `echo`, the thread returns every message: measures a message. */
type CalibrationTask = {
  readonly buffer: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly echo: MessagePort;
};

/** The body of a calibration thread. Resolves when its console is closed. */
export function serveCalibration({ buffer, port, echo }: CalibrationTask): Promise<void> {
  const words: Words = new Int32Array(buffer);
  const regions = calibrationRegions();
  const clock = new Clock(words, regions.clock);
  echo.on('message', (message) => echo.postMessage(message));

  const play = (game: Game, side: Side, rounds: number) => {
    const { table, trips } = regions.games[game];
    const histogram = new Histogram(words, trips, LATENCY);
    if (game === 'spin') {
      if (side === 'ping') spinPing(words, table, rounds, clock, histogram);
      else spinPong(words, table, rounds);
    } else if (game === 'park') {
      if (side === 'ping') waitPing(words, table, rounds, clock, histogram);
      else waitPong(words, table, rounds);
    } else if (side === 'ping') parkPing(words, table, rounds, clock, histogram);
    else parkPong(words, table, rounds);
  };

  return new Promise((resolve) => {
    const board: CalibrationConsole = {
      play: (game, side, rounds) => answer(() => play(game, side, rounds)),
      answerAsync: (rounds) => answer(() => waitPong(words, regions.async, rounds)),
      nothing: () => undefined,
      close: () => {
        // The answer to `close` itself must leave first.
        setImmediate(() => {
          port.close();
          echo.close();
          resolve();
        });
      },
    };
    expose(board, port as unknown as Parameters<typeof expose>[1]);
  });
}
