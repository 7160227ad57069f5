import type { VcpuId } from '../arch/intid.ts';
import type { CoreParts } from '../cpu/index.ts';
import type { Clock } from '../measure/clock.ts';
import { readStamp, STAMP_WORDS, writeStamp } from '../measure/stamp.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { ClockKind, VcpuRegions } from './plan.ts';

/** CNTFRQ_EL0, that of QEMU's `virt`: a tick is 16 ns. */
export const TICKS_PER_SECOND = 62_500_000;
export const NS_PER_TICK = 16;
/** No deadline. */
export const NEVER = Number.POSITIVE_INFINITY;

// Words of a vCPU's time: what it has published, and what its instructions count from.
const PUBLISHED = 0;
const BASE = STAMP_WORDS;
const HALF = 2 ** 32;
const NO_DEADLINE = -1;

/**
 * The guest's time: CNTVCT_EL0 and CNTPCT_EL0 of every vCPU, in ticks since its start.
 *
 * Virtual time is one tick an instruction. Each vCPU publishes how far its own instructions have got, and the time is the
 * furthest that any has published: so it never goes back, whichever vCPU reads it, and it goes on at the pace of the fastest.
 * A vCPU that slept counts on from the time that it wakes up at.
 */
export class GuestClock {
  readonly #words: Words;
  readonly #vcpus: readonly VcpuRegions[];
  readonly #host: Clock | undefined;

  constructor(words: Words, vcpus: readonly VcpuRegions[], kind: ClockKind, host: Clock) {
    this.#words = words;
    this.#vcpus = vcpus;
    this.#host = kind === 'real' ? host : undefined;
  }

  get isVirtual(): boolean {
    return this.#host === undefined;
  }

  /** The time, for a thread that is no vCPU's. */
  now(): number {
    if (this.#host) return Math.floor(this.#host.now() / NS_PER_TICK);
    let latest = 0;
    for (const { time } of this.#vcpus)
      latest = Math.max(latest, readStamp(this.#words, time.at + PUBLISHED));
    return latest;
  }

  /** The time for a vCPU, which has run `instructions` in all. Its own thread. */
  nowOf(vcpu: VcpuId, instructions: number): number {
    if (!this.#host) this.publish(vcpu, instructions);
    return this.now();
  }

  /** Publishes how far a vCPU has got, and returns that: the time, or before it. With virtual time. Its own thread. */
  publish(vcpu: VcpuId, instructions: number): number {
    const { time } = this.#of(vcpu);
    const own = readStamp(this.#words, time.at + BASE) + instructions;
    writeStamp(this.#words, time.at + PUBLISHED, own);
    return own;
  }

  /** A vCPU that slept goes on from `ticks`, if that is later than where its instructions have got. Its own thread. */
  catchUp(vcpu: VcpuId, instructions: number, ticks: number): void {
    const { time } = this.#of(vcpu);
    const base = ticks - instructions;
    if (base > readStamp(this.#words, time.at + BASE)) writeStamp(this.#words, time.at + BASE, base);
    this.nowOf(vcpu, instructions);
  }

  /** When a vCPU's timer will next want it, or {@link NEVER}. Its own thread. */
  setDeadline(vcpu: VcpuId, ticks: number): void {
    const { at } = this.#of(vcpu).deadline;
    store(this.#words, at + 1, ticks === NEVER ? NO_DEADLINE : Math.floor(ticks / HALF));
    store(this.#words, at, ticks === NEVER ? 0 : ticks | 0);
  }

  /** Any thread. While the vCPU is changing it, a value that is neither: to be used for a wake-up, which may be in vain. */
  deadline(vcpu: VcpuId): number {
    const { at } = this.#of(vcpu).deadline;
    const high = load(this.#words, at + 1);
    return high === NO_DEADLINE ? NEVER : high * HALF + (load(this.#words, at) >>> 0);
  }

  /** The words of a vCPU's time, for a core that reads the counter by itself: in bytes. `undefined` with the host's time. */
  counterOf(vcpu: VcpuId): CoreParts['counter'] {
    if (this.#host) return undefined;
    const at = this.#of(0).time.at * 4;
    const count = this.#vcpus.length;
    // Every vCPU has the same regions, one vCPU's behind the other's.
    return { at, stride: count > 1 ? this.#of(1).time.at * 4 - at : 4, index: vcpu, count };
  }

  /** Before any thread runs. */
  reset(): void {
    for (const [vcpu] of this.#vcpus.entries()) this.setDeadline(vcpu, NEVER);
  }

  #of(vcpu: VcpuId): VcpuRegions {
    const found = this.#vcpus[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}`);
    return found;
  }
}
