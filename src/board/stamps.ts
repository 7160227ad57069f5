import { FIRST_PPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import type { InterruptRegions } from '../gic/interrupt-regions.ts';
import { Interrupts } from '../gic/interrupts.ts';
import { LATCH } from '../gic/state.ts';
import type { Clock } from '../measure/clock.ts';
import { EventRing, eventRingWords, STAGE } from '../measure/event-ring.ts';
import { readStamp, STAMP_WORDS, writeStamp } from '../measure/stamp.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { peek, store, type Words } from '../memory/word.ts';
import { type Guest, Vcpu, type VcpuParts } from './vcpu.ts';

/** The stamps of a machine: a ring for each of its threads. */
export type StampRegions = {
  readonly on: Region;
  readonly woken: readonly Region[];
  readonly rings: readonly Region[];
};

/** @param capacity - stamps that each thread keeps; 0: the machine makes no stamps, and has no room for any */
export function stampRegions(layout: Layout, threads: number, capacity: number): StampRegions | undefined {
  if (capacity === 0) return undefined;
  const each = (name: string, words: number) =>
    Array.from({ length: threads }, (_, thread) => layout.region(`thread${thread}.${name}`, words));
  return {
    on: layout.region('stamps.on', 1),
    woken: each('woken', STAMP_WORDS),
    rings: each('stamps', eventRingWords(capacity)),
  };
}

/** Names an interrupt in a stamp: its INTID and, for a private INTID, the vCPU in the bits above. */
export function stampKey(vcpu: VcpuId, intid: Intid): number {
  return intid < PRIVATE_INTIDS ? (vcpu << 16) | intid : intid;
}

/**
 * The stages of interrupts on their way, each with its time, in the ring of the acting thread. For machines configured
 * with stamps: these have other view classes, chosen when a thread attaches. One view a thread.
 *
 * While stamps are off, a vCPU still stamps its acknowledges, and nothing else is stamped. That measures the whole way
 * without the cost of stamping its stages, on the same machine.
 */
export class Stamps {
  readonly #words: Words;
  readonly #on: number;
  readonly #woken: number;
  readonly #rings: readonly EventRing[];
  readonly #own: EventRing;
  readonly clock: Clock;

  constructor(words: Words, regions: StampRegions, thread: number, clock: Clock) {
    const rings = regions.rings.map((region) => new EventRing(words, region));
    const own = rings[thread];
    const woken = regions.woken[thread];
    if (!own || !woken)
      throw new RangeError(`there is no thread ${thread}: this machine has ${rings.length}`);
    this.#words = words;
    this.#on = regions.on.at;
    this.#woken = woken.at;
    this.#rings = rings;
    this.#own = own;
    this.clock = clock;
  }

  /** A plain read: the word changes only while this thread is outside a machine's code. */
  get on(): boolean {
    return peek(this.#words, this.#on) !== 0;
  }

  /** Change it only while no interrupt is on its way. */
  set on(on: boolean) {
    store(this.#words, this.#on, on ? 1 : 0);
  }

  /** Stamps a stage of `STAGE`, or the caller's own stage, into the ring of this thread. */
  record(stage: number, key: number, ns: number): void {
    this.#own.record(stage, key, 0, ns);
  }

  /** The time at which this vCPU's thread last began to look for interrupts after it had none. */
  get wokenNs(): number {
    return readStamp(this.#words, this.#woken);
  }

  set wokenNs(ns: number) {
    writeStamp(this.#words, this.#woken, ns);
  }

  /** The ring of a thread of the machine; any thread may read it. */
  ringOf(thread: number): EventRing {
    const ring = this.#rings[thread];
    if (!ring) throw new RangeError(`there is no thread ${thread}: this machine has ${this.#rings.length}`);
    return ring;
  }
}

/**
 * Interrupts with stamped stages: `routed` when the signal has found its interrupt; `pending` when the state word is
 * pending, just before the vCPU is told. Edges only: SGIs, edge-triggered SPIs and LPIs. Times are taken at the stages,
 * and recorded after the injection.
 */
export class StampedInterrupts extends Interrupts {
  readonly #stamps: Stamps;

  constructor(words: Words, regions: InterruptRegions, stamps: Stamps) {
    super(words, regions);
    this.#stamps = stamps;
  }

  override latch(at: number, intid: Intid, checkFirst?: boolean): boolean {
    if (!this.#stamps.on) return super.latch(at, intid, checkFirst);
    const routed = this.#stamps.clock.now();
    const wasPending = super.latch(at, intid, checkFirst);
    this.#stamps.record(STAGE.routed, intid, routed);
    return wasPending;
  }

  override change(at: number, intid: Intid, clear: number, set: number): number {
    if (intid >= FIRST_PPI || clear !== 0 || set !== LATCH || !this.#stamps.on)
      return super.change(at, intid, clear, set);
    const routed = this.#stamps.clock.now();
    const before = super.change(at, intid, clear, set);
    this.#stamps.record(STAGE.routed, stampKey((at - this.find(0, intid)) / PRIVATE_INTIDS, intid), routed);
    return before;
  }

  override list(vcpu: VcpuId, intid: Intid): void {
    if (!this.#stamps.on) {
      super.list(vcpu, intid);
      return;
    }
    const pending = this.#stamps.clock.now();
    super.list(vcpu, intid);
    this.#stamps.record(STAGE.pending, stampKey(vcpu, intid), pending);
  }
}

/** A vCPU that stamps its own stages. */
export class StampedVcpu extends Vcpu {
  readonly #stamps: Stamps;

  constructor(parts: VcpuParts, stamps: Stamps) {
    super(parts);
    this.#stamps = stamps;
  }

  protected override resume(guest: Guest): void {
    if (this.#stamps.on) this.#stamps.wokenNs = this.#stamps.clock.now();
    super.resume(guest);
  }

  protected override handle(guest: Guest, intid: Intid): void {
    const stamps = this.#stamps;
    const { clock } = stamps;
    const key = stampKey(this.cpu.vcpu, intid);
    const acknowledged = clock.now();
    if (!stamps.on) {
      super.handle(guest, intid);
      stamps.record(STAGE.acknowledged, key, acknowledged);
      return;
    }
    guest.interrupt(intid);
    const handled = clock.now();
    this.cpu.endOfInterrupt(intid);
    const ended = clock.now();
    this.serveAcks();
    this.control.countTaken();
    stamps.record(STAGE.woken, key, stamps.wokenNs);
    stamps.record(STAGE.acknowledged, key, acknowledged);
    stamps.record(STAGE.handled, key, handled);
    stamps.record(STAGE.ended, key, ended);
  }
}
