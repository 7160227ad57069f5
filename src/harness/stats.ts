import type { VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Distribution, type Summary } from '../measure/distribution.ts';
import type { Tally } from '../stress/index.ts';
import type { HarnessPlan, HarnessViews } from './plan.ts';

/** The counts of one vCPU since boot. */
export type VcpuStats = {
  readonly vcpu: VcpuId;
  /** Interrupts of devices' events; and all interrupts, SGIs and wires among them. */
  readonly deliveries: number;
  readonly taken: number;
  /** Times asleep, and halts that polling cut short. Modulo 2^32. */
  readonly halts: number;
  readonly pollHits: number;
  /** The guest has called `cpu.stop()`. */
  readonly stopped: boolean;
};

/** The counts of one device since boot. */
export type DeviceStats = {
  readonly device: number;
  /** Signals by eventfd and by MSI; handlers that they led to. */
  readonly signals: number;
  readonly deliveries: number;
  /** Signals that shared a delivery with an earlier one, which was still pending. */
  readonly coalesced: number;
};

/** Totals since boot. Plain data. */
export type MachineStats = {
  readonly signals: number;
  readonly deliveries: number;
  readonly coalesced: number;
  /** From a signal to its handler, ns; null for a run without deliveries. */
  readonly latencyNs: Summary;
  readonly vcpus: readonly VcpuStats[];
  readonly devices: readonly DeviceStats[];
};

/** Reads all counters. The main thread, also while the machine runs. */
export function readStats(
  machine: Machine,
  plan: HarnessPlan,
  { pairs, places }: HarnessViews,
  tally: Tally,
): MachineStats {
  tally.update();
  const all = new Distribution(LATENCY);
  for (const histogram of pairs.histograms) histogram.addTo(all);
  const devices = Array.from({ length: plan.devices }, (_, device) => deviceStats(plan, tally, device));
  const sum = (of: (stats: DeviceStats) => number) => devices.reduce((total, each) => total + of(each), 0);
  return {
    signals: sum(({ signals }) => signals),
    deliveries: sum(({ deliveries }) => deliveries),
    coalesced: sum(({ coalesced }) => coalesced),
    latencyNs: all.summary(),
    vcpus: Array.from({ length: plan.vcpus }, (_, vcpu): VcpuStats => {
      const { halts, pollHits } = machine.control(vcpu).counters();
      const delivered = devices.map(({ device }) => pairs.delivered(vcpu, device));
      return {
        vcpu,
        deliveries: delivered.reduce((total, each) => total + each, 0),
        taken: tally.taken(vcpu),
        halts,
        pollHits,
        stopped: places.hasStopped(vcpu),
      };
    }),
    devices,
  };
}

function deviceStats(plan: HarnessPlan, tally: Tally, device: number): DeviceStats {
  const stats = { device, signals: 0, deliveries: 0, coalesced: 0 };
  plan.sources.forEach((source, index) => {
    if (source.device !== device) return;
    stats.signals += tally.sent(index);
    stats.deliveries += tally.deliveries(index);
    stats.coalesced += Math.max(0, tally.sent(index) - tally.deliveries(index));
  });
  return stats;
}
