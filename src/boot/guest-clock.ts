import type { VcpuId } from '../arch/intid.ts';
import type { CoreParts } from '../cpu/index.ts';
import { NEVER, NS_PER_TICK } from '../kvm/timer/generic-timer.ts';
import type { Clock } from '../measure/clock.ts';
import { readStamp, STAMP_WORDS, writeStamp } from '../measure/stamp.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { ClockKind, VcpuRegions } from './plan.ts';

// Words of a vCPU's time: the published time, and the base to which its instructions are added.
const PUBLISHED = 0;
const BASE = STAMP_WORDS;
const HALF = 2 ** 32;
const NO_DEADLINE = -1;

/**
 * The guest's time: CNTVCT_EL0 and CNTPCT_EL0 of every vCPU, in ticks since its start.
 *
 * Virtual time: an instruction is one tick. Each vCPU publishes its own time, base plus instructions; the guest's time is the maximum.
 * So the time never goes back for any reader, and the fastest vCPU sets the pace. A vCPU that wakes up sets its base so that its own
 * time continues from the guest's time.
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

  /** The time, ticks, as far as vCPUs have published it. Any thread. */
  now(): number {
    if (this.#host) return Math.floor(this.#host.now() / NS_PER_TICK);
    let latest = 0;
    for (const { time } of this.#vcpus)
      latest = Math.max(latest, readStamp(this.#words, time.at + PUBLISHED));
    return latest;
  }

  /** Publishes a vCPU's `instructions`, and returns the time, ticks. The vCPU's thread. */
  nowOf(vcpu: VcpuId, instructions: number): number {
    if (!this.#host) this.publish(vcpu, instructions);
    return this.now();
  }

  /** Publishes a vCPU's own time and returns it, at most the guest's time. Virtual time only. The vCPU's thread. */
  publish(vcpu: VcpuId, instructions: number): number {
    const { time } = this.#of(vcpu);
    const own = readStamp(this.#words, time.at + BASE) + instructions;
    writeStamp(this.#words, time.at + PUBLISHED, own);
    return own;
  }

  /** Advances a vCPU's own time to `ticks`, if that is later. The vCPU's thread. */
  catchUp(vcpu: VcpuId, instructions: number, ticks: number): void {
    const { time } = this.#of(vcpu);
    const base = ticks - instructions;
    if (base > readStamp(this.#words, time.at + BASE)) writeStamp(this.#words, time.at + BASE, base);
    this.nowOf(vcpu, instructions);
  }

  /** Sets when a vCPU's timer next needs it, ticks, or {@link NEVER}. The vCPU's thread. */
  setDeadline(vcpu: VcpuId, ticks: number): void {
    const { at } = this.#of(vcpu).deadline;
    store(this.#words, at + 1, ticks === NEVER ? NO_DEADLINE : Math.floor(ticks / HALF));
    store(this.#words, at, ticks === NEVER ? 0 : ticks | 0);
  }

  /** The deadline that a vCPU has set. Any thread. A read during a write may be torn, so use it only for wake-ups, which may be spurious. */
  deadline(vcpu: VcpuId): number {
    const { at } = this.#of(vcpu).deadline;
    const high = load(this.#words, at + 1);
    return high === NO_DEADLINE ? NEVER : high * HALF + (load(this.#words, at) >>> 0);
  }

  /** Byte offsets of the published times, for a core that reads the counter itself. `undefined` with the host's time. */
  counterOf(vcpu: VcpuId): CoreParts['counter'] {
    if (this.#host) return undefined;
    const at = this.#of(0).time.at * 4;
    const count = this.#vcpus.length;
    // The vCPUs' regions have equal sizes and are contiguous.
    return { at, stride: count > 1 ? this.#of(1).time.at * 4 - at : 4, index: vcpu, count };
  }

  /** Call it before any thread runs. */
  reset(): void {
    for (const [vcpu] of this.#vcpus.entries()) this.setDeadline(vcpu, NEVER);
  }

  #of(vcpu: VcpuId): VcpuRegions {
    const found = this.#vcpus[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}`);
    return found;
  }
}
