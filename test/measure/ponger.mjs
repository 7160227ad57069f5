// The other side of a ping-pong. A clock shift makes this thread's clock wrong, for the test that must notice.
import { workerData } from 'node:worker_threads';
import { Clock } from '../../dist/src/measure/clock.js';
import { offsetPong, parkPong, spinPong } from '../../dist/src/measure/ping-pong.js';

const { words, game, rounds, clockAt, clockShiftNs } = workerData;
const clock = new Clock(words, clockAt);
const shifted = { now: () => clock.now() + clockShiftNs };
if (game === 'spin') spinPong(words, 0, rounds);
else if (game === 'park') parkPong(words, 0, rounds);
else offsetPong(words, 0, rounds, shifted);
