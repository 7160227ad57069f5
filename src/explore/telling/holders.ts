import { casTook } from '../running/execute.ts';
import {
  ADD,
  AND,
  CAS,
  EXCHANGE,
  LOCK,
  OR,
  STORE,
  SUB,
  UNLOCK,
  type Value,
  XOR,
} from '../running/operation.ts';
import type { RecordedStep } from './record.ts';

/** The step in which a thread took a bit of a word. */
export type Taking = { readonly thread: number; readonly step: RecordedStep };

/**
 * The holders of bits of words, as far as the operations of a schedule show. A lock is a word that one atomic
 * operation changes from 0, or a bit that one atomic operation adds to a word. Clearing the bit frees the
 * lock, in any thread. A mark on a held word (the third state of a futex mutex) takes nothing.
 */
export class Holders {
  /** By address, then by bit. */
  readonly #bits = new Map<number, Map<number, Taking>>();
  /** Words that one thread sets and another clears: slots or counters, and no locks. */
  readonly #passedOn = new Set<number>();
  /** By address: the last step that changed the word. For words that are counters or flags, and no locks. */
  readonly #writers = new Map<number, RecordedStep>();

  constructor(steps: readonly RecordedStep[]) {
    for (const step of steps) this.#add(step);
  }

  /**
   * The holders of the set bits of `mask` at an address, lowest bit first.
   * @param mask - the bits that a thread wants; undefined for any.
   */
  of(at: number, mask: bigint | undefined): readonly Taking[] {
    if (this.#passedOn.has(at)) return [];
    const bits = [...(this.#bits.get(at) ?? [])].sort(([a], [b]) => a - b);
    return bits.flatMap(([bit, taking]) =>
      mask === undefined || (mask & (1n << BigInt(bit))) !== 0n ? [taking] : [],
    );
  }

  /** The last step that wrote the word. */
  lastWriter(at: number): RecordedStep | undefined {
    return this.#writers.get(at);
  }

  #add(step: RecordedStep): void {
    const { point } = step;
    const change = changeOf(step);
    if (change === undefined) return;
    this.#writers.set(point.at, step);
    const { before, after, claims } = change;
    const bits = this.#bits.get(point.at) ?? new Map<number, Taking>();
    this.#bits.set(point.at, bits);
    const [owner] = bits.values();
    for (const [bit, { thread }] of bits) {
      if ((after & (1n << BigInt(bit))) !== 0n) continue;
      bits.delete(bit);
      // A mark leaves another value than 0, and passes nothing on.
      if (after === 0n && thread !== step.thread) this.#passedOn.add(point.at);
    }
    const added = after & ~before;
    if (added === 0n || !claims) return;
    // A held word that loses some bits and gains others was marked: the holder keeps the lock.
    const keeper = before !== 0n && (after & before) !== before ? owner : { thread: step.thread, step };
    if (keeper === undefined) return;
    for (let bit = 0, rest = added; rest !== 0n; bit++, rest >>= 1n) {
      if ((rest & 1n) !== 0n) bits.set(bit, keeper);
    }
  }
}

/** A word as an unsigned number of its width. */
export function unsigned(value: Value, size: number): bigint | undefined {
  if (typeof value === 'bigint') return BigInt.asUintN(size * 8, value);
  return typeof value === 'number' && Number.isInteger(value)
    ? BigInt.asUintN(size * 8, BigInt(value))
    : undefined;
}

/**
 * A step's change of its word. `claims`: the operation tests and sets at once, so the step can take a lock.
 */
function changeOf(step: RecordedStep): { before: bigint; after: bigint; claims: boolean } | undefined {
  const { point, answer } = step;
  const { op, size } = point;
  if (op === LOCK) return { before: 0n, after: 1n, claims: true };
  if (op === UNLOCK) return { before: 1n, after: 0n, claims: false };
  const a = unsigned(point.a, size);
  if (a === undefined) return undefined;
  // A store does not return the old value.
  if (op === STORE) return { before: a, after: a, claims: false };
  const before = unsigned(answer, size);
  if (before === undefined) return undefined;
  const wide = (value: bigint): bigint => BigInt.asUintN(size * 8, value);
  switch (op) {
    case CAS: {
      const b = unsigned(point.b, size);
      if (b === undefined || !casTook(point, answer)) return undefined;
      return { before, after: b, claims: true };
    }
    case EXCHANGE:
      // An exchange that found the word taken has only marked the word.
      return { before, after: a, claims: true };
    case OR:
      return { before, after: before | a, claims: true };
    case AND:
      return { before, after: before & a, claims: false };
    case XOR:
      return { before, after: wide(before ^ a), claims: false };
    case ADD:
      return { before, after: wide(before + a), claims: false };
    case SUB:
      return { before, after: wide(before - a), claims: false };
    default:
      return undefined;
  }
}
