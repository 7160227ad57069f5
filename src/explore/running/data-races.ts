import { LOCK, NOTIFY, PLAIN_LOAD, type Point, READ, UNLOCK, WAIT, WRITE } from './operation.ts';

/** Two unordered accesses to the same bytes by different threads: at least one a write, not both by Atomics. */
export type Race = {
  /** The steps of the schedule, from 0. */
  readonly first: number;
  readonly second: number;
};

/** The category of an access: plain or by Atomics, a read or a write. */
const PLAIN_READ = 0;
const PLAIN_WRITE = 1;
const ATOMIC_READ = 2;
const ATOMIC_WRITE = 3;
const CATEGORIES = 4;

const fill = Function.prototype.call.bind(Int32Array.prototype.fill) as (
  array: Int32Array,
  value: number,
) => void;

/**
 * Happens-before of one schedule, by vector clocks, as in the ECMAScript memory model: the order of each
 * thread; a read by Atomics after the write by Atomics that supplied the value, if both access the same
 * bytes; operations on one list of waiters, in their order; a woken thread after its waker. All threads begin
 * at once, so their starts order nothing. The explorer's own locks count as Atomics.
 *
 * A cell is an interval of bytes that some operation touches. The last access of each category is kept for
 * each cell and thread: a new access that comes after the last one also comes after all earlier ones.
 */
export class DataRaces {
  readonly #threads: number;
  /** By thread and thread: how many steps of the second happen before the first one's next step. */
  readonly #clocks: Int32Array;
  readonly #cells = new Map<number, number>();
  readonly #ranges: { readonly at: number; readonly size: number }[] = [];
  /** By cell: all cells that share bytes with this cell, itself included. */
  readonly #overlaps: number[][] = [];
  /**
   * By cell, category and thread: the last such access, as its number among its thread's steps, from 1, and its step.
   */
  #last = new Int32Array(0);
  #steps = new Int32Array(0);
  /** By cell and thread: the clock of the last write by Atomics to exactly these bytes; its intact bytes. */
  #released = new Int32Array(0);
  #intact = new Int32Array(0);
  /** By cell, category and thread: 1 if such an access occurred in any schedule. */
  #used = new Int32Array(0);
  /** As `#used`: 1 if every known access that may race with this one has been reported as a race. */
  #silent = new Int32Array(0);
  readonly #lists = new Map<number, Int32Array>();
  /** Reported pairs of cells, threads and categories. */
  readonly #known = new Set<number>();
  /** The new races of this schedule, by key; and its first race. */
  readonly fresh = new Map<number, Race>();
  first: Race | undefined;

  constructor(threads: number) {
    this.#threads = threads;
    this.#clocks = new Int32Array(threads * threads);
  }

  /** Begins a schedule. */
  begin(): void {
    fill(this.#clocks, 0);
    fill(this.#last, 0);
    fill(this.#intact, 0);
    if (this.#lists.size > 0) this.#lists.clear();
    if (this.fresh.size > 0) this.fresh.clear();
    this.first = undefined;
  }

  /** Accepts the schedule: its races are known from now on. */
  accept(): void {
    for (const key of this.fresh.keys()) this.#known.add(key);
  }

  /**
   * Takes in one step.
   * @param effect - READ and WRITE, as far as the operation did so.
   * @param woke - the threads that the operation woke, as bits.
   */
  step(step: number, t: number, point: Point, effect: number, woke: number): void {
    const n = this.#threads;
    const clocks = this.#clocks;
    const mine = t * n;
    clocks[mine + t] = (clocks[mine + t] as number) + 1;
    const { op } = point;
    if (op === WAIT || op === NOTIFY) this.#passList(point.at, mine);
    if (op !== NOTIFY) {
      const cell = point.cell >= 0 ? point.cell : this.#cellOf(point);
      if (op >= PLAIN_LOAD) {
        this.#check(step, t, cell, op === PLAIN_LOAD ? PLAIN_READ : PLAIN_WRITE);
        if (op !== PLAIN_LOAD) this.#overwrite(cell);
      } else this.#atomic(step, t, cell, op === LOCK || op === UNLOCK ? READ | WRITE : effect);
    }
    for (let rest = woke; rest !== 0; rest &= rest - 1) {
      this.#join((31 - Math.clz32(rest & -rest)) * n, clocks, mine);
    }
  }

  /** A wait timed out: the thread leaves the list of waiters. */
  timeOut(t: number, at: number): void {
    this.#passList(at, t * this.#threads);
  }

  #atomic(step: number, t: number, cell: number, effect: number): void {
    const n = this.#threads;
    const mine = t * n;
    if ((effect & READ) !== 0) {
      if (this.#intact[cell] !== 0) this.#join(mine, this.#released, cell * n);
      if ((effect & WRITE) === 0) this.#check(step, t, cell, ATOMIC_READ);
    }
    if ((effect & WRITE) === 0) return;
    this.#check(step, t, cell, ATOMIC_WRITE);
    this.#overwrite(cell);
    for (let u = 0; u < n; u++) this.#released[cell * n + u] = this.#clocks[mine + u] as number;
    this.#intact[cell] = (1 << (this.#ranges[cell]?.size ?? 0)) - 1;
  }

  /** Searches for other threads' accesses that race with this one, and records this one. */
  #check(step: number, t: number, cell: number, category: number): void {
    const n = this.#threads;
    const at = (cell * CATEGORIES + category) * n + t;
    // speed: without locks nearly every access races, mostly as reported long ago (bench explore).
    if (this.#silent[at] !== 1 || this.first === undefined) this.#scan(step, t, cell, category, at);
    this.#last[at] = this.#clocks[t * n + t] as number;
    this.#steps[at] = step;
  }

  #scan(step: number, t: number, cell: number, category: number, at: number): void {
    const n = this.#threads;
    const mine = t * n;
    const overlaps = this.#overlaps[cell] as number[];
    const writes = category === PLAIN_WRITE || category === ATOMIC_WRITE;
    const atomic = category >= ATOMIC_READ;
    if (this.#used[at] !== 1) this.#use(at, overlaps);
    let silent = 1;
    for (const other of overlaps) {
      for (let theirs = writes ? PLAIN_READ : PLAIN_WRITE; theirs < CATEGORIES; theirs++) {
        if (atomic && theirs >= ATOMIC_READ) break;
        if (!writes && theirs === ATOMIC_READ) continue;
        const from = (other * CATEGORIES + theirs) * n;
        for (let u = 0; u < n; u++) {
          if (u === t || this.#used[from + u] !== 1) continue;
          if ((this.#last[from + u] as number) > (this.#clocks[mine + u] as number))
            this.#found(this.#steps[from + u] as number, step, from + u, at);
          if (!this.#known.has(keyOf(from + u, at))) silent = 0;
        }
      }
    }
    this.#silent[at] = silent;
  }

  /** Records the first access of this kind: possible racers must search again. */
  #use(at: number, overlaps: readonly number[]): void {
    this.#used[at] = 1;
    const size = CATEGORIES * this.#threads;
    for (const cell of overlaps) this.#silent.fill(0, cell * size, (cell + 1) * size);
  }

  #found(first: number, second: number, one: number, other: number): void {
    this.first ??= { first, second };
    const key = keyOf(one, other);
    if (this.#known.has(key) || this.fresh.has(key)) return;
    this.fresh.set(key, { first, second });
  }

  /** Overwrites bytes: of an earlier write by Atomics in them, fewer bytes can still be read. */
  #overwrite(cell: number): void {
    const overlaps = this.#overlaps[cell] as number[];
    if (overlaps.length === 1) {
      this.#intact[cell] = 0;
      return;
    }
    const { at, size } = this.#ranges[cell] as { at: number; size: number };
    for (const other of overlaps) {
      const range = this.#ranges[other] as { at: number; size: number };
      for (let i = Math.max(at, range.at); i < Math.min(at + size, range.at + range.size); i++) {
        this.#intact[other] = (this.#intact[other] as number) & ~(1 << (i - range.at));
      }
    }
  }

  /** Orders the operations on one list of waiters. */
  #passList(at: number, mine: number): void {
    let list = this.#lists.get(at);
    if (list === undefined) {
      list = new Int32Array(this.#threads);
      this.#lists.set(at, list);
    }
    this.#join(mine, list, 0);
    for (let u = 0; u < this.#threads; u++) list[u] = this.#clocks[mine + u] as number;
  }

  #join(mine: number, from: Int32Array, at: number): void {
    const clocks = this.#clocks;
    for (let u = 0; u < this.#threads; u++) {
      if ((from[at + u] as number) > (clocks[mine + u] as number)) clocks[mine + u] = from[at + u] as number;
    }
  }

  #cellOf(point: Point): number {
    const { at, size } = point;
    const key = at * 16 + size;
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = this.#ranges.length;
      this.#cells.set(key, cell);
      const mine = [cell];
      for (const [other, range] of this.#ranges.entries()) {
        if (range.at >= at + size || at >= range.at + range.size) continue;
        mine.push(other);
        (this.#overlaps[other] as number[]).push(cell);
      }
      this.#ranges.push({ at, size });
      this.#overlaps.push(mine);
      const n = this.#threads;
      this.#last = longer(this.#last, (cell + 1) * CATEGORIES * n);
      this.#steps = longer(this.#steps, (cell + 1) * CATEGORIES * n);
      this.#released = longer(this.#released, (cell + 1) * n);
      this.#intact = longer(this.#intact, cell + 1);
      this.#used = longer(this.#used, (cell + 1) * CATEGORIES * n);
      this.#silent = longer(this.#silent, (cell + 1) * CATEGORIES * n);
      // A new cell may overlap old ones.
      this.#silent.fill(0);
    }
    point.cell = cell;
    return cell;
  }
}

/** The key of two accesses, by their places, in either order. */
function keyOf(one: number, other: number): number {
  return one < other ? one * 0x2000000 + other : other * 0x2000000 + one;
}

/** Returns the array, grown to that length if shorter. */
function longer(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  if (array.length >= length) return array as Int32Array<ArrayBuffer>;
  const copy = new Int32Array(Math.max(length, array.length * 2, 64));
  for (let i = 0; i < array.length; i++) copy[i] = array[i] as number;
  return copy;
}
