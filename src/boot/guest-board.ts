import type { VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import type { SharedMemory } from '../cpu/index.ts';
import { affinityOf } from '../gic/affinity.ts';
import { NEVER, TICKS_PER_SECOND } from '../kvm/timer/generic-timer.ts';
import { Layout } from '../memory/layout.ts';
import { load, store } from '../memory/word.ts';
import type { Frame } from '../platform/bus.ts';
import { Platform } from '../platform/platform.ts';
import { GuestClock } from './guest-clock.ts';
import { GuestEnd } from './guest-end.ts';
import { type BootPlan, type BootRegions, bootRegions } from './plan.ts';
import { Psci } from './psci.ts';
import { Sleepers } from './sleepers.ts';
import { TakenCounts } from './taken-counts.ts';

/** The parts of a board beside its machine. */
export type BoardParts = {
  /** The memory whose buffer contains the machine; the core runs on it. */
  readonly memory: SharedMemory;
  /** Additional frames, made with the board's views. */
  readonly frames?: (board: GuestBoard) => readonly Frame[];
};

/** A machine with cores, devices and guest memory: a view for one thread. */
export class GuestBoard {
  readonly machine: Machine;
  readonly plan: BootPlan;
  readonly memory: SharedMemory;
  readonly regions: BootRegions;
  readonly platform: Platform;
  readonly clock: GuestClock;
  readonly psci: Psci;
  readonly end: GuestEnd;
  readonly sleepers: Sleepers;
  readonly taken: TakenCounts;

  constructor(machine: Machine, plan: BootPlan, parts: BoardParts) {
    const { words } = machine;
    const regions = bootRegions(new Layout(machine.scenario.at + plan.before), plan);
    this.machine = machine;
    this.plan = plan;
    this.memory = parts.memory;
    this.regions = regions;
    this.clock = new GuestClock(words, regions.vcpus, plan.clock, machine.clock);
    this.psci = new Psci(words, regions.vcpus, (address) => machine.memory.has(address, 4));
    this.end = new GuestEnd(words, regions);
    this.sleepers = new Sleepers(words, regions.asleep);
    this.taken = new TakenCounts(words, regions.vcpus);
    this.platform = new Platform(machine, regions.platform, plan.platform, {
      seconds: () => Math.floor(this.clock.now() / TICKS_PER_SECOND),
      frames: parts.frames?.(this) ?? [],
    });
  }

  /** Resets the board's parts beside the machine, with vCPU 0 turned on. Call it before any thread runs. */
  reset(seed: number, now: number): void {
    this.platform.reset(now, seed);
    this.clock.reset();
    this.psci.turnOn(0, BigInt(this.plan.entry), BigInt(this.plan.tree), () => undefined);
  }

  /** MPIDR's affinity fields of a vCPU. */
  static affinityOf(vcpu: VcpuId): number {
    return affinityOf(vcpu);
  }

  /** Wakes a vCPU's thread, if it sleeps, to check for work. Any thread. */
  wake(vcpu: VcpuId): void {
    this.machine.gic.interrupts.bell(vcpu).signal();
  }

  wakeAll(): void {
    for (let vcpu: VcpuId = 0; vcpu < this.plan.vcpus; vcpu++) this.wake(vcpu);
    for (const device of this.platform.devices) device.registers.bell.signal();
  }

  /** Whether a vCPU sleeps although an interrupt is signalled: its ring is under way, or was lost. Any thread. */
  isCalled(vcpu: VcpuId): boolean {
    const { gic } = this.machine;
    return this.machine.control(vcpu).isHalted && this.psci.isOn(vcpu) && gic.cpuInterface(vcpu).isCalled;
  }

  /** When the RTC's alarm rings, ticks, or `Infinity`. */
  get alarm(): number {
    return this.platform.rtc.due * TICKS_PER_SECOND;
  }

  /** Rings the RTC's alarm if it is due. Any thread. */
  ring(): void {
    const { alarm } = this;
    if (alarm !== Number.POSITIVE_INFINITY && this.clock.now() >= alarm) this.platform.rtc.keepUp();
  }

  /** Whether a device works or has work; virtual time must not be skipped meanwhile. */
  get devicesAreBusy(): boolean {
    if (this.machine.vm.irqfds.anyPending) return true;
    return this.platform.devices.some(({ registers }) => registers.isBusy || registers.isNotified);
  }

  /** Whether the guest cannot run again by itself: all vCPUs sleep, no timer is set, no device works. Any thread. */
  get isAsleep(): boolean {
    const { sleepers, plan, clock, alarm } = this;
    if (sleepers.count < plan.vcpus || this.devicesAreBusy || alarm !== NEVER) return false;
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) if (clock.deadline(vcpu) !== NEVER) return false;
    return true;
  }

  /** The request to pause, which every vCPU reads between two slices. */
  get paused(): boolean {
    return load(this.machine.words, this.regions.end.at + PAUSED) !== 0;
  }

  set paused(paused: boolean) {
    store(this.machine.words, this.regions.end.at + PAUSED, paused ? 1 : 0);
  }
}

/** Offset behind the words of {@link GuestEnd}. */
const PAUSED = 8;
