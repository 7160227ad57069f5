import { type GicRegions, gicRegions } from '../gic/gic.ts';
import { type GicV2Regions, gicV2Regions } from '../gic/v2/gic-v2.ts';
import { type ItsRegions, itsRegions } from '../its/regions.ts';
import { type IoEventFdRegions, ioEventFdRegions } from '../kvm/ioeventfds.ts';
import { processRegions } from '../kvm/irqfd-record.ts';
import { type TimerRegions, timerRegions } from '../kvm/timer/timer-settings.ts';
import { type VmRegions, vmRegions } from '../kvm/vm.ts';
import { CLOCK } from '../measure/clock.ts';
import { guestMemoryRegion } from '../memory/guest-memory.ts';
import { HEADER, HEADER_WORDS } from '../memory/header.ts';
import { Layout, type Region } from '../memory/layout.ts';
import { MUTEX } from '../memory/mutex.ts';
import { encodeConfig, type MachineConfig, sizesOf, threadsOf } from './config.ts';
import { faultRegion } from './faults.ts';
import { type StampRegions, stampRegions } from './stamps.ts';
import { vcpuControlRegion } from './vcpu-control.ts';

/** The places of one VM's parts. */
export type VmPlaces = {
  readonly gic: GicRegions;
  readonly itses: readonly ItsRegions[];
  readonly vm: VmRegions;
  readonly ioeventfds: IoEventFdRegions;
  /** Held while a device is created or an attribute set. KVM: config_lock. */
  readonly configLock: Region;
  /** Where the host can run a GICv2. */
  readonly gicV2: GicV2Regions | undefined;
  /** The in-kernel timers, of a VM that userland sets up. */
  readonly timers: TimerRegions | undefined;
  /** By vCPU. */
  readonly controls: readonly Region[];
  readonly ram: Region;
};

/** The places of a board's parts. */
export type BoardLayout = {
  /** Names for the words of the buffer. */
  readonly layout: Layout;
  readonly clock: Region;
  /** VMs of one process. */
  readonly vms: readonly VmPlaces[];
  readonly fault: Region;
  readonly stamps: StampRegions | undefined;
  /** Words for a scenario's own use. */
  readonly scenario: Region;
};

/**
 * Lays out a machine's memory; the only place that does. Depends on the configuration alone, so every thread computes
 * the same layout.
 */
export function layOut(config: MachineConfig): BoardLayout {
  const { vcpus, spis, idBits, personality, devices, events, eventfds } = config;
  const { itses, vms, gsis, pins, collections, spins, stamps, listRegisters, vpes } = sizesOf(config);
  const threads = threadsOf(config);
  const layout = new Layout(0, spins);
  layout.region('header', HEADER_WORDS + encodeConfig(config).length, HEADER);
  const clock = layout.place('clock', CLOCK);
  const process = processRegions(layout, eventfds);
  const places = Array.from({ length: vms }, () => ({
    gic: gicRegions(layout, { vcpus, spis, idBits, personality, its: itses > 0, listRegisters, vpes }),
    itses: Array.from({ length: itses }, (_, index) =>
      itsRegions(layout, index, { devices, events, collections }),
    ),
    vm: vmRegions(layout, { eventfds, threads, gsis, pins }, process),
    ioeventfds: ioEventFdRegions(layout),
    configLock: layout.place('kvm.configLock', MUTEX),
    controls: Array.from({ length: vcpus }, (_, vcpu) => vcpuControlRegion(layout, vcpu)),
    timers: config.host && timerRegions(layout, vcpus),
    gicV2: config.host?.gicV2 ? gicV2Regions(layout, spis) : undefined,
  }));
  const fault = faultRegion(layout, config);
  const stampRegion = stampRegions(layout, threads, stamps);
  const scenario = layout.region('scenario', config.scenarioWords);
  return {
    layout,
    clock,
    // Last, so that the scenario's words decide the start of guest memory: on a page, for a core.
    vms: places.map((place) => ({ ...place, ram: guestMemoryRegion(layout, config.memory) })),
    fault,
    stamps: stampRegion,
    scenario,
  };
}
