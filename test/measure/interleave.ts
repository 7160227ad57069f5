import type { Words } from '../../src/memory/word.ts';

type Step = () => void;

/** Runs `body` with `before` called in front of every atomic operation it makes. */
function hookAtomics<T>(before: () => void, body: () => T): T {
  const { load, store, add } = Atomics;
  const hooked = <F extends (...args: never[]) => number>(operation: F): F =>
    ((...args: Parameters<F>) => {
      before();
      return operation(...args);
    }) as unknown as F;
  Object.assign(Atomics, { load: hooked(load), store: hooked(store), add: hooked(add) });
  try {
    return body();
  } finally {
    Object.assign(Atomics, { load, store, add });
  }
}

/** The atomic steps of a writer that reads only its own words: each call makes the next one, from a copy run ahead. */
function stepsOf(words: Words, writer: (words: Words) => void): Step[] {
  const ahead: Words = new Int32Array(new SharedArrayBuffer(words.byteLength));
  ahead.set(words);
  const states: Int32Array[] = [];
  hookAtomics(
    () => states.push(ahead.slice()),
    () => writer(ahead),
  );
  states.push(ahead.slice());
  const changes = states.filter(
    (state, i) => i > 0 && state.some((word, at) => word !== states[i - 1]?.[at]),
  );
  return changes.map((state) => () => words.set(state));
}

/**
 * What `reader` returns under every interleaving of its first `depth` atomic operations with those of one `writer`, after
 * `start` has set the words up. From then on the writer either runs to its end at once or, if the reader is one that
 * `neverWaits`, in another run stands still.
 */
export function everyInterleaving<T>(
  size: number,
  start: (words: Words) => void,
  writer: (words: Words) => void,
  reader: (words: Words) => T,
  { depth = 6, neverWaits = false } = {},
): Set<T> {
  const results = new Set<T>();
  const run = (schedule: readonly number[], standStill = false) => {
    const words: Words = new Int32Array(new SharedArrayBuffer(size * 4));
    start(words);
    const steps = stepsOf(words, writer);
    let operation = 0;
    let taken = 0;
    const result = hookAtomics(
      () => {
        const until = schedule[operation++] ?? (standStill ? taken : steps.length);
        for (; taken < until; taken++) steps[taken]?.();
        if (operation > 100) throw new Error('the reader does not come to an end');
      },
      () => reader(words),
    );
    results.add(result);
    return steps.length;
  };
  const count = run([]);
  const extend = (schedule: readonly number[]) => {
    if (schedule.length === depth) {
      run(schedule);
      if (neverWaits) run(schedule, true);
      return;
    }
    for (let until = schedule.at(-1) ?? 0; until <= count; until++) extend([...schedule, until]);
  };
  extend([]);
  return results;
}
