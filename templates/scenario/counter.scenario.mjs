// Two threads, every interleaving: `npm test`. Replace the loop in counter.mjs by `count[0]++`, and see it fail.
import { increment } from './counter.mjs';

export default {
  name: 'counter',
  setup: () => new Int32Array(new SharedArrayBuffer(4)),
  threads: { left: increment, right: increment },
  finally(count) {
    if (count[0] !== 2) throw new Error(`two increments made ${count[0]}`);
  },
};
