import type { VcpuId } from '../../arch/intid.ts';
import type { Interrupts } from '../../gic/interrupts.ts';
import { Mutex } from '../../memory/mutex.ts';
import type { Words } from '../../memory/word.ts';
import { ArchTimer } from './arch-timer.ts';
import { NEVER, NS_PER_TICK } from './generic-timer.ts';
import { PHYSICAL, type TimerRegions, TimerSettings, VIRTUAL } from './timer-settings.ts';

/** The in-kernel timers of a VM. A view without state; any thread. */
export class ArchTimers {
  readonly settings: TimerSettings;
  /** By vCPU. */
  readonly vcpus: readonly ArchTimer[];
  readonly #now: () => number;

  /** @param nowNs - the host's clock */
  constructor(words: Words, regions: TimerRegions, interrupts: Interrupts, nowNs: () => number) {
    const settings = new TimerSettings(words, regions.settings);
    this.settings = settings;
    this.#now = () => Math.floor(nowNs() / NS_PER_TICK);
    this.vcpus = regions.vcpus.map(({ timer, lock }, vcpu: VcpuId) => {
      const held = new Mutex(words, lock, `the lock of vCPU ${vcpu}'s timers`);
      return new ArchTimer(words, {
        at: timer.at,
        lock: held,
        settings,
        interrupts,
        vcpu,
        now: this.#now,
      });
    });
  }

  /** The timers of a vCPU. @throws RangeError where there is no such vCPU */
  of(vcpu: VcpuId): ArchTimer {
    const found = this.vcpus[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}: this VM has ${this.vcpus.length}`);
    return found;
  }

  /** KVM_ARM_SET_COUNTER_OFFSET: one offset of both counters, which stays. */
  setOffset(ticks: bigint): void {
    this.settings.setOffset(VIRTUAL, ticks);
    this.settings.setOffset(PHYSICAL, ticks);
    this.settings.fix();
  }

  /** Sets what a counter shows now, for every vCPU; ignored once {@link setOffset} was called. */
  setCount(kind: typeof VIRTUAL | typeof PHYSICAL, count: bigint): void {
    if (!this.settings.fixed) this.settings.setOffset(kind, BigInt.asUintN(64, BigInt(this.#now()) - count));
  }

  /** The host's timer interrupt on all vCPUs. @returns ns until the next timer is due, or Infinity */
  expire(): number {
    let next = NEVER;
    for (const timer of this.vcpus) next = Math.min(next, timer.expire());
    return next * NS_PER_TICK;
  }
}
