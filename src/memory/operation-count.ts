import { LINE } from './layout.ts';

/** The shared operations that a piece of code made through Atomics. */
export type OperationCount = {
  readonly loads: number;
  readonly stores: number;
  /** Read-modify-writes, whether or not they changed anything. */
  readonly updates: number;
  readonly notifies: number;
  /** Distinct words, and distinct cache lines, of all operations together. */
  readonly words: number;
  readonly lines: number;
};

const KINDS = {
  load: 'loads',
  store: 'stores',
  add: 'updates',
  sub: 'updates',
  and: 'updates',
  or: 'updates',
  xor: 'updates',
  exchange: 'updates',
  compareExchange: 'updates',
  notify: 'notifies',
} as const;

/**
 * Runs a piece of code and counts its shared operations, by replacing the methods of `Atomics` meanwhile.
 * Measures how much a path touches. Never for timed code: counting costs many times more than the operations.
 * Counts the calling thread only, and views of one buffer only.
 */
export function countOperations(run: () => void): OperationCount {
  const counts = { loads: 0, stores: 0, updates: 0, notifies: 0 };
  const words = new Set<number>();
  watchOperations(run, (kind, word) => {
    counts[kind]++;
    words.add(word);
  });
  const lines = new Set([...words].map((word) => Math.floor(word / LINE)));
  return { ...counts, words: words.size, lines: lines.size };
}

/**
 * Runs `run`, and calls `act` right before shared operation number `index` of `run` (from 0), or after the last one.
 * `act` plays another thread at that moment, in this thread: `act` must not wait for anything that `run` holds. Returns
 * how many shared operations `run` made itself.
 */
export function interruptAt(index: number, act: () => void, run: () => void): number {
  let operations = 0;
  let acting = false;
  watchOperations(run, () => {
    if (acting) return;
    if (operations === index) {
      acting = true;
      act();
      acting = false;
    }
    operations++;
  });
  if (index >= operations) act();
  return operations;
}

type Kind = (typeof KINDS)[keyof typeof KINDS];

function watchOperations(run: () => void, seen: (kind: Kind, word: number) => void): void {
  const originals = new Map<string, unknown>();
  const atomics = Atomics as unknown as Record<string, (...given: unknown[]) => unknown>;
  for (const [name, kind] of Object.entries(KINDS)) {
    const original = atomics[name];
    if (!original) continue;
    originals.set(name, original);
    atomics[name] = (...given: unknown[]) => {
      const [view, index] = given as [Int32Array, number];
      seen(kind, (view.byteOffset + index * view.BYTES_PER_ELEMENT) >>> 2);
      return original.apply(Atomics, given);
    };
  }
  try {
    run();
  } finally {
    for (const [name, original] of originals) atomics[name] = original as (...given: unknown[]) => unknown;
  }
}
