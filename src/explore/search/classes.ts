import { mix } from '../../base/chance.ts';
import { ALL, LOCK, QUEUE, UNLOCK, WRITE } from '../running/operation.ts';
import type { RunView } from './strategies/strategy.ts';

/**
 * Counts classes of schedules: two schedules are of one class when they differ only in the order of steps that do not
 * conflict. From how many classes were seen just once and twice follow the chance that the next schedule is of a new
 * one (Good and Turing) and a lower bound of their number (Chao).
 */
export class ClassCounter {
  readonly #seen = new Map<number, number>();
  #schedules = 0;

  get schedules(): number {
    return this.#schedules;
  }

  get classes(): number {
    return this.#seen.size;
  }

  /** Takes in the schedule that has just run, with its steps recorded. */
  add(run: RunView): void {
    this.#schedules++;
    const key = classOf(run);
    this.#seen.set(key, (this.#seen.get(key) ?? 0) + 1);
  }

  /** Each class with its number of schedules, for {@link merge} in another thread. */
  entries(): [number, number][] {
    return [...this.#seen];
  }

  /** Adds the counts of another counter. */
  merge(entries: readonly (readonly [number, number])[]): void {
    for (const [key, times] of entries) {
      this.#schedules += times;
      this.#seen.set(key, (this.#seen.get(key) ?? 0) + times);
    }
  }

  get nextIsNew(): number {
    return this.#schedules === 0 ? 1 : this.#times(1) / this.#schedules;
  }

  get classesAtLeast(): number {
    const once = this.#times(1);
    const twice = this.#times(2);
    return Math.round(this.classes + (twice === 0 ? (once * (once - 1)) / 2 : (once * once) / (2 * twice)));
  }

  #times(n: number): number {
    let count = 0;
    for (const times of this.#seen.values()) if (times === n) count++;
    return count;
  }
}

/** The object that steps touch which conflict with every other. */
const EVERYTHING = -0x40000000;

/** A number for the class of the schedule that was run: for each word the order of its writes, and between two writes the set of reads. */
export function classOf(run: RunView): number {
  const order = new Map<number, { writes: number; reads: number }>();
  const own = new Int32Array(run.threads);
  for (let i = 0; i < run.steps; i++) {
    const t = run.stepThread[i] as number;
    const point = run.stepPoint[i];
    const effect = run.stepEffect[i] as number;
    if (point === undefined) continue;
    const step = mix(((own[t] as number) << 5) | t, 0x51e9);
    own[t] = (own[t] as number) + 1;
    // The step comes after all earlier steps, and before all later ones.
    if ((effect & ALL) !== 0) touch(order, EVERYTHING, own.reduce(mix, step), true);
    const lock = point.op === LOCK || point.op === UNLOCK;
    // Objects are words of four bytes, of which a wide operation touches two; queues are objects of their own.
    if ((effect & 3) !== 0) {
      const last = (point.at + point.size - 1) >> 2;
      for (let word = point.at >> 2; word <= last; word++)
        touch(order, word, step, lock || (effect & WRITE) !== 0);
    }
    if ((effect & QUEUE) !== 0) touch(order, -1 - (point.at >> 2), step, true);
  }
  let low = 0;
  let high = 0;
  for (const [object, { writes, reads }] of order) {
    const all = mix(writes, reads);
    low = (low + mix(all, object)) | 0;
    high = (high + mix(object ^ 0x3c6ef372, all)) | 0;
  }
  // 53 bits, so that a Map of numbers serves.
  return (low >>> 0) + (high & 0x1fffff) * 4294967296;
}

function touch(
  order: Map<number, { writes: number; reads: number }>,
  object: number,
  step: number,
  writes: boolean,
): void {
  let entry = order.get(object);
  if (entry === undefined) {
    entry = { writes: 0, reads: 0 };
    order.set(object, entry);
  }
  if (writes) {
    entry.writes = mix(mix(entry.writes, entry.reads), step);
    entry.reads = 0;
  } else entry.reads = (entry.reads + mix(step, entry.writes)) | 0;
}
