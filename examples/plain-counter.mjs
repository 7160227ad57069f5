// Two threads count in the same word without Atomics. `counter[0]++` reads, adds and writes: what one thread writes
// between the other's read and write is lost.
//
//   npx irqloom explore examples/plain-counter.mjs
export default {
  name: 'plain-counter',
  setup: () => ({ counter: new Int32Array(new SharedArrayBuffer(4)) }),
  threads: {
    left({ counter }) {
      counter[0]++;
    },
    right({ counter }) {
      counter[0]++;
    },
  },
  finally({ counter }) {
    if (counter[0] !== 2) throw new Error(`an update was lost: the counter is ${counter[0]}, and not 2`);
  },
};
