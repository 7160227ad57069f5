import type { VcpuId } from '../arch/intid.ts';
import { type Layout, LINE, type Records } from '../memory/layout.ts';
import { add, load, replace, store, type Words } from '../memory/word.ts';

/** The words of one redistributor, in order. */
const NAMES = [
  'control',
  'waker',
  'last',
  'propbaseLow',
  'propbaseHigh',
  'pendbaseLow',
  'pendbaseHigh',
  'busy',
] as const;
const CONTROL = 0;
const WAKER = 1;
const LAST = 2;
const PROPBASE = 3;
const PENDBASE = 5;
const BUSY = 7;

/** GICR_CTLR.RWP. */
export const REGISTER_WRITE_PENDING = 1 << 3;

/** Adds the registers of all redistributors to a layout, each on a cache line of its own. */
export function redistributorRegion(layout: Layout, vcpus: number): Records {
  const unused = Array.from({ length: LINE - NAMES.length }, (_, index) => `unused${index}`);
  return layout.records('gicr', vcpus, [...NAMES, ...unused]);
}

/**
 * The words of the redistributors' registers. {@link Redistributor} applies the rules for guest writes; {@link LpiTables} reads the
 * same words. The control word is 0, ENABLE_LPIS, or, while LPIs are being disabled, REGISTER_WRITE_PENDING. Any thread.
 */
export class RedistributorWords {
  readonly #words: Words;
  readonly #at: number;
  readonly vcpus: number;

  constructor(words: Words, records: Records) {
    this.#words = words;
    this.#at = records.at;
    this.vcpus = records.count;
  }

  control(vcpu: VcpuId): number {
    return load(this.#words, this.#at + vcpu * LINE + CONTROL);
  }

  /** Compare-and-swap of the control word; false if it was not `from`. */
  moveControl(vcpu: VcpuId, from: number, to: number): boolean {
    return replace(this.#words, this.#at + vcpu * LINE + CONTROL, from, to);
  }

  waker(vcpu: VcpuId): number {
    return load(this.#words, this.#at + vcpu * LINE + WAKER);
  }

  setWaker(vcpu: VcpuId, value: number): void {
    store(this.#words, this.#at + vcpu * LINE + WAKER, value);
  }

  /** GICR_TYPER.Last: no redistributor follows in the same region. */
  isLast(vcpu: VcpuId): boolean {
    return load(this.#words, this.#at + vcpu * LINE + LAST) !== 0;
  }

  setLast(vcpu: VcpuId, last: boolean): void {
    store(this.#words, this.#at + vcpu * LINE + LAST, last ? 1 : 0);
  }

  /** GICR_SYNCR.Busy: an invalidation is under way. */
  isBusy(vcpu: VcpuId): boolean {
    return load(this.#words, this.#at + vcpu * LINE + BUSY) !== 0;
  }

  /** Adds 1 when an invalidation begins, -1 when it ends. */
  addBusy(vcpu: VcpuId, count: 1 | -1): void {
    add(this.#words, this.#at + vcpu * LINE + BUSY, count);
  }

  /** Clears all words of a redistributor. Call it before any thread of the machine runs. */
  reset(vcpu: VcpuId): void {
    for (let word = 0; word < LINE; word++) store(this.#words, this.#at + vcpu * LINE + word, 0);
  }

  propbaser(vcpu: VcpuId): bigint {
    return this.#read(vcpu, PROPBASE);
  }

  /** Callers exclude each other (the configuration lock). A reader may see half of a write, as with a guest that writes two halves. */
  setPropbaser(vcpu: VcpuId, value: bigint): void {
    this.#write(vcpu, PROPBASE, value);
  }

  pendbaser(vcpu: VcpuId): bigint {
    return this.#read(vcpu, PENDBASE);
  }

  setPendbaser(vcpu: VcpuId, value: bigint): void {
    this.#write(vcpu, PENDBASE, value);
  }

  #read(vcpu: VcpuId, low: number): bigint {
    const at = this.#at + vcpu * LINE + low;
    return (BigInt(load(this.#words, at + 1) >>> 0) << 32n) | BigInt(load(this.#words, at) >>> 0);
  }

  #write(vcpu: VcpuId, low: number, value: bigint): void {
    const at = this.#at + vcpu * LINE + low;
    store(this.#words, at + 1, Number(BigInt.asIntN(32, value >> 32n)));
    store(this.#words, at, Number(BigInt.asIntN(32, value)));
  }
}
