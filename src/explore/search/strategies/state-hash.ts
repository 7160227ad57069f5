import { mix } from '../../../base/chance.ts';
import type { Point, Value } from '../../running/operation.ts';
import type { RunView } from './strategy.ts';

/** Three hashes of 32 bits, by their seeds: two states are taken for one where all three are equal. */
const SEEDS = [0x2545f491, 0x5bd1e995, 0x1b873593] as const;
const LANES = SEEDS.length;

/** A hash of a state in two numbers: 53 bits, and 32 more. */
export type Hash = { key: number; check: number };

/** One byte that some schedule writes. */
type Cell = { readonly at: number; readonly bytes: Uint8Array; readonly i: number; readonly first: number };

/**
 * Hashes the state of a schedule after each step: shared memory, sleepers in their order, and by thread the row of its answers.
 * Of memory only the bytes count that hold another value than at the beginning.
 */
export class StateHash {
  readonly #cells: Cell[] = [];
  readonly #known = new Set<number>();
  /** By thread: how many of its answers are hashed, and their hashes. */
  #counts = new Int32Array(0);
  #rows = new Int32Array(0);
  /** Threads asleep, by their turn. */
  #asleep: number[] = [];
  readonly #all = new Int32Array(LANES);
  readonly #hash: Hash = { key: 0, check: 0 };

  begin({ threads }: RunView): void {
    if (this.#counts.length !== threads) {
      this.#counts = new Int32Array(threads);
      this.#rows = new Int32Array(threads * LANES);
    }
    this.#counts.fill(0);
    this.#rows.fill(0);
    this.#asleep.length = 0;
  }

  /** Notes the bytes that thread `t` is about to write, and all that was done before. */
  willStep(run: RunView, t: number): void {
    this.#takeSteps(run);
    const point = run.pending[t] as Point;
    if (point.writes) this.#note(point);
  }

  /** @returns the hash of the present state; the next call changes this array. */
  take(run: RunView): Hash {
    this.#takeSteps(run);
    for (let lane = 0; lane < LANES; lane++) this.#all[lane] = this.#hashOf(run, lane);
    const [low = 0, high = 0, check = 0] = this.#all;
    this.#hash.key = (low >>> 0) + (high & 0x1fffff) * 4294967296;
    this.#hash.check = check;
    return this.#hash;
  }

  #note({ array, index, at, size }: Point): void {
    if (this.#known.has(at) && this.#known.has(at + size - 1)) return;
    for (let k = 0; k < size; k++) {
      if (this.#known.has(at + k)) continue;
      const bytes = new Uint8Array(array.buffer);
      const i = array.byteOffset + index * size + k;
      this.#known.add(at + k);
      this.#cells.push({ at: at + k, bytes, i, first: bytes[i] as number });
    }
  }

  /** Takes in the answers that have come since the last time, and the threads that fell asleep or woke. */
  #takeSteps({ threads, done, waiting, answers }: RunView): void {
    for (let t = 0; t < threads; t++) {
      const isAsleep = ((waiting >>> t) & 1) !== 0;
      const count = (done[t] as number) - (isAsleep ? 1 : 0);
      for (let i = this.#counts[t] as number; i < count; i++) this.#fold(t, (answers[t] as Value[])[i]);
      this.#counts[t] = count;
      const turn = this.#asleep.indexOf(t);
      // Steps are taken in one by one, so a thread that sleeps again was seen awake.
      if (isAsleep && turn < 0) this.#asleep.push(t);
      else if (!isAsleep && turn >= 0) this.#asleep.splice(turn, 1);
    }
  }

  #fold(t: number, answer: Value): void {
    const [low, high] = wordsOf(answer);
    for (let lane = 0; lane < LANES; lane++) {
      const at = t * LANES + lane;
      this.#rows[at] = mix(mix(this.#rows[at] as number, low ^ (SEEDS[lane] as number)), high);
    }
  }

  #hashOf(run: RunView, lane: number): number {
    const seed = SEEDS[lane] as number;
    let memory = 0;
    for (const { at, bytes, i, first } of this.#cells) {
      const byte = bytes[i] as number;
      if (byte !== first) memory = (memory + mix(mix(seed, at), byte)) | 0;
    }
    let hash = mix(memory, seed);
    for (let t = 0; t < run.threads; t++) {
      hash = mix(mix(hash, this.#counts[t] as number), this.#rows[t * LANES + lane] as number);
      if (!run.late) continue;
      const { deadline, clockNs } = run.pending[t] as Point;
      hash = mix(mix(hash, wordsOf(clockNs)[0]), deadline < Infinity ? wordsOf(deadline)[0] : -1);
    }
    // guard: sleepers-in-turn
    for (const t of this.#asleep) hash = mix(hash, t + 1);
    return hash;
  }
}

/** A value as two words of 32 bits; the three answers of a wait, and none, have words that a number seldom has. */
function wordsOf(value: Value): readonly [number, number] {
  if (typeof value === 'number') return [value | 0, Math.floor(value / 4294967296) | 0];
  if (typeof value === 'bigint')
    return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
  return [0x6e6f6e65, value === undefined ? 0x40000000 : 0x40000000 + value.charCodeAt(0)];
}
