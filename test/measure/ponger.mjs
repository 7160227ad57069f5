// The other side of a ping-pong. A clock shift makes this thread's clock wrong, for the test that must notice.
import { workerData } from 'node:worker_threads';
import { Clock } from '../../dist/src/measure/clock.js';
import { offsetPong, parkPong, spinPong } from '../../dist/src/measure/ping-pong.js';

const { words, regions, game, rounds, clockShiftNs } = workerData;
const clock = new Clock(words, regions.clock);
const shifted = { now: () => clock.now() + clockShiftNs };
if (game === 'spin') spinPong(words, regions.game, rounds);
else if (game === 'park') parkPong(words, regions.game, rounds);
else offsetPong(words, regions.game, rounds, shifted);
