// Two threads add one to the same word, each with a load and a store: run `npx irqloom explore examples/lost-update.mjs`.

function increment({ count }) {
  const value = Atomics.load(count, 0);
  Atomics.store(count, 0, value + 1);
}

export default {
  name: 'lost-update',
  setup: () => ({ count: new Int32Array(new SharedArrayBuffer(4)) }),
  threads: { left: increment, right: increment },
  finally({ count }) {
    if (Atomics.load(count, 0) !== 2) throw new Error('an update was lost');
  },
};
