import type { Intid, VcpuId } from '../../arch/intid.ts';
import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { MUTEX } from '../../memory/mutex.ts';
import { load, store, type Words } from '../../memory/word.ts';

/** The two timers, as KVM_ARM_VCPU_TIMER_IRQ_VTIMER and _PTIMER number them. */
export const VIRTUAL = 0;
export const PHYSICAL = 1;
export type TimerKind = typeof VIRTUAL | typeof PHYSICAL;

const DEFAULT_PPIS = [27, 30] as const;

const PPIS = 0;
const SETTLED = 2;
const FIXED = 3;
const OFFSETS = 4;

/** The regions of a VM's timers. By vCPU: the registers of its timers, and their lock. */
export type TimerRegions = {
  readonly settings: Region;
  readonly vcpus: readonly { readonly timer: Region; readonly lock: Region }[];
};

/** Adds the timers of a VM to a layout. */
export function timerRegions(layout: Layout, vcpus: number): TimerRegions {
  return {
    settings: layout.region('kvm.timers', LINE),
    vcpus: Array.from({ length: vcpus }, (_, vcpu: VcpuId) => ({
      timer: layout.region(`vcpu${vcpu}.timer`, LINE),
      lock: layout.place(`vcpu${vcpu}.timerLock`, MUTEX),
    })),
  };
}

/** Userland's settings of a VM's timers: their PPIs, and the offsets of their counters. Writers hold the configuration lock. */
export class TimerSettings {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  /** The PPI of a timer, of every vCPU. */
  ppi(kind: TimerKind): Intid {
    return load(this.#words, this.#at + PPIS + kind) || DEFAULT_PPIS[kind];
  }

  setPpi(kind: TimerKind, ppi: Intid): void {
    store(this.#words, this.#at + PPIS + kind, ppi);
  }

  /** Whether a vCPU has run, so that the PPIs cannot change any more. */
  get settled(): boolean {
    return load(this.#words, this.#at + SETTLED) !== 0;
  }

  settle(): void {
    store(this.#words, this.#at + SETTLED, 1);
  }

  /** Whether KVM_ARM_SET_COUNTER_OFFSET has fixed the offsets: writes of the counters are ignored from then on. */
  get fixed(): boolean {
    return load(this.#words, this.#at + FIXED) !== 0;
  }

  fix(): void {
    store(this.#words, this.#at + FIXED, 1);
  }

  /** What a counter lags behind the host's, ticks, modulo 2^64. */
  offset(kind: TimerKind): bigint {
    return loadLong(this.#words, this.#at + OFFSETS + 2 * kind);
  }

  setOffset(kind: TimerKind, ticks: bigint): void {
    storeLong(this.#words, this.#at + OFFSETS + 2 * kind, ticks);
  }
}

/** The 64-bit value in two words, low half first. Not one step: the writer holds a lock, or is alone. */
export function loadLong(words: Words, at: number): bigint {
  return (BigInt(load(words, at + 1) >>> 0) << 32n) | BigInt(load(words, at) >>> 0);
}

export function storeLong(words: Words, at: number, value: bigint): void {
  store(words, at, Number(BigInt.asIntN(32, value)));
  store(words, at + 1, Number(BigInt.asIntN(32, value >> 32n)));
}
