// The code under test: unmodified, as your workers run it.
export function increment(count) {
  for (;;) {
    const value = Atomics.load(count, 0);
    if (Atomics.compareExchange(count, 0, value, value + 1) === value) return;
  }
}
