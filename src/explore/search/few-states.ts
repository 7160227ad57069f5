import { READ, STORE, WAIT, WRITE } from '../running/operation.ts';
import type { Simulator } from '../running/simulator.ts';

/** The most states that a search of states is expected to meet, and how often more the classes have to be. */
const MOST_STATES = 2 ** 20;
const LEAST_GAIN = 16;

/** The uses of one word in a schedule. */
type Word = {
  /** By thread: how often the thread writes the word. */
  readonly writes: number[];
  /** How many values a read may get: the first, those stored, and one for each other write. */
  readonly stored: Set<unknown>;
  values: number;
};

/**
 * Whether the states of a program are far fewer than its classes of schedules, judged by the schedule that has just run with its steps
 * recorded: threads store, and few of them look. A guess that decides which search goes first, and no verdict.
 *
 * States: by thread the rows of answers, where each read may get any value that its word may have; by word its values.
 * Classes: by word the orders of its writes, and no reads.
 */
export function hasFewStates(simulator: Simulator): boolean {
  if (!simulator.isClosed) return false;
  const { steps, threads, stepPoint, stepThread, stepEffect, stepAwaits } = simulator;
  const words = new Map<number, Word>();
  for (let k = 0; k < steps; k++) {
    const point = stepPoint[k];
    // Locks, sleep and loops that wait bind schedules together, which is what classes are good at.
    if (point === undefined || point.op >= WAIT || stepAwaits[k] !== undefined) return false;
    const word = words.get(point.at) ?? { writes: new Array(threads).fill(0), stored: new Set(), values: 1 };
    words.set(point.at, word);
    if (((stepEffect[k] as number) & WRITE) === 0) continue;
    const t = stepThread[k] as number;
    word.writes[t] = (word.writes[t] as number) + 1;
    if (point.op === STORE && word.stored.has(point.a)) continue;
    if (point.op === STORE) word.stored.add(point.a);
    word.values++;
  }
  let states = 0;
  for (let t = 0; t < threads; t++) {
    let [positions, rows] = [1, 1];
    for (let k = 0; k < steps; k++) {
      if (stepThread[k] !== t) continue;
      if (((stepEffect[k] as number) & READ) !== 0)
        rows *= words.get(stepPoint[k]?.at as number)?.values ?? 1;
      positions += rows;
    }
    states += Math.log2(positions);
  }
  let classes = 0;
  for (const { writes, values } of words.values()) {
    states += Math.log2(values);
    classes += logFactorial(writes.reduce((sum, n) => sum + n, 0));
    for (const n of writes) classes -= logFactorial(n);
  }
  return states <= Math.log2(MOST_STATES) && classes >= states + Math.log2(LEAST_GAIN);
}

/** The binary logarithm of n!. */
function logFactorial(n: number): number {
  let sum = 0;
  for (let i = 2; i <= n; i++) sum += Math.log2(i);
  return sum;
}
