import { proxiedAccesses } from '../control/view-proxy.ts';
import type { SharedMemory } from '../memory/shared-memory.ts';
import { CAS, type ElementArray, FAILED, type Point, type Value } from './operation.ts';
import { isSame } from './spin.ts';
import type { ThreadRunner } from './thread-runner.ts';

/** The threads' operations in a schedule. */
type Done = {
  readonly paths: readonly (readonly Point[])[];
  readonly answers: readonly (readonly Value[])[];
  readonly done: Int32Array;
};

/** Rounds of changes to the memory: first each byte, then to values that words had at other times. */
const ROUNDS = 3;

/**
 * Detects reads of shared memory that are no operations: by native code, by WebAssembly, through views that no thread
 * was handed. Runs the threads once more along their logs with the memory changed. The log answers operations, so code
 * that acts differently has read unseen. Misses two reads that the code only compares with each other.
 */
export class UnseenReads {
  readonly #memory: SharedMemory;
  readonly #runner: ThreadRunner;
  #salt = 0;

  constructor(memory: SharedMemory, runner: ThreadRunner) {
    this.#memory = memory;
    this.#runner = runner;
  }

  /**
   * Whether some thread reads unseen, after a schedule that was run and verified.
   * @param pending - by thread, its current point
   * @param waiting - sleeping threads, as bits: their last operation has no answer
   * @throws Restart if a thread acts differently with the views themselves than with stand-ins
   */
  areUnseen({ paths, answers, done }: Done, pending: readonly Point[], waiting: number): boolean {
    const runsAs = (t: number): boolean => {
      const count = (done[t] as number) - ((waiting >>> t) & 1);
      const saw = this.#runner.resume(t, paths[t] as Point[], answers[t] as Value[], count);
      return isSame(saw, pending[t] as Point) && this.#runner.mismatchAt < 0;
    };
    const written = valuesByElement(paths, answers, done);
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const changed = this.#change(written, round);
        if (!changed && round > 0) continue;
        for (let t = 0; t < pending.length; t++) {
          const before = proxiedAccesses;
          if (!runsAs(t)) return true;
          // Without proxies, proxied accesses would be unseen, and the thread could not follow its log. The
          // confirmation of a failure examines a thread's error.
          const failed = (pending[t] as Point).op === FAILED;
          if (round === 0 && proxiedAccesses === before && !failed) this.#tryViews(t, runsAs);
        }
        this.#memory.putBack();
      }
      return false;
    } finally {
      this.#memory.putBack();
    }
  }

  #tryViews(t: number, runsAs: (t: number) => boolean): void {
    const { handed } = this.#runner;
    if (!handed.hasStandIns) return;
    if (!handed.withViews(() => runsAs(t))) handed.foundNativeUse(t);
  }

  /** Changes the words that operations write; true if there was one. */
  #change(written: ReadonlyMap<number, Written>, round: number): boolean {
    let changed = false;
    this.#salt++;
    for (const { point, values } of written.values()) {
      const { array, index, at, size } = point;
      if (round === 0) this.#memory.garble(at, size, this.#salt);
      else {
        const others = values.filter((value) => !Object.is(value, array[index]));
        const value = others[(this.#salt + round) % others.length];
        if (value === undefined) continue;
        this.#memory.willWrite(at, size);
        write(array, index, value);
      }
      changed = true;
    }
    return changed;
  }
}

type Written = { readonly point: Point; readonly values: (number | bigint)[] };

/** The elements that operations write, with the values that they were seen to have or get. */
function valuesByElement(
  paths: Done['paths'],
  answers: Done['answers'],
  done: Int32Array,
): Map<number, Written> {
  const written = new Map<number, Written>();
  for (const path of paths) {
    for (const point of path)
      if (point.writes && !written.has(point.element)) written.set(point.element, { point, values: [] });
  }
  for (const [t, path] of paths.entries()) {
    for (let k = 0; k < (done[t] as number); k++) {
      const point = path[k] as Point;
      const known = written.get(point.element);
      if (known === undefined) continue;
      const { a, b, op } = point;
      for (const value of [answers[t]?.[k], a, op === CAS ? b : undefined]) {
        if ((typeof value === 'number' || typeof value === 'bigint') && !known.values.includes(value))
          known.values.push(value);
      }
    }
  }
  return written;
}

function write(array: ElementArray, index: number, value: number | bigint): void {
  if (typeof value === typeof array[index]) array[index] = value as number;
}
