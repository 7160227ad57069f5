/** The other thread of the ping-pongs in measure.ts. */
import { workerData } from 'node:worker_threads';
import { Clock } from '../src/measure/clock.ts';
import { offsetPong, parkPong, spinPong } from '../src/measure/ping-pong.ts';
import type { Region } from '../src/memory/layout.ts';
import type { Words } from '../src/memory/word.ts';

type Games = { words: Words; games: Region; clock: Region; spins: number; parks: number };
const { words, games, clock, spins, parks } = workerData as Games;

spinPong(words, games, spins);
spinPong(words, games, spins);
parkPong(words, games, parks);
offsetPong(words, games, spins, new Clock(words, clock));
