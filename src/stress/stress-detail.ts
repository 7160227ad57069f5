import type { Machine } from '../machine/machine.ts';
import { VIOLATIONS } from '../machine/proof.ts';
import type { Distribution } from '../measure/distribution.ts';
import { load } from '../memory/word.ts';
import { CHURN_COUNTS, type ChurnCount, type Plan, stressViews } from './stress-plan.ts';
import type { Tally } from './stress-tally.ts';

/** Everything that a stress run counts, so far: for live views, metrics and reports. Totals since the start. */
export type StressDetail = {
  readonly vcpus: readonly {
    readonly delivered: number;
    readonly halts: number;
    readonly pollHits: number;
    /** From the signal to the handler, ns. */
    readonly latency: Distribution;
    /** By device. The latency is undefined where there are too many pairs to tell them apart. */
    readonly devices: readonly { readonly delivered: number; readonly latency: Distribution | undefined }[];
  }[];
  readonly devices: readonly { readonly injected: number; readonly delivered: number }[];
  readonly churn: Readonly<Record<ChurnCount, number>>;
  readonly violations: Readonly<Record<(typeof VIOLATIONS)[number], number>>;
};

/** Reads all of it; any time, on the main thread. The run goes on meanwhile, so the parts are not of one moment. */
export function stressDetail(machine: Machine, plan: Plan, tally: Tally): StressDetail {
  const { proof, pairs, churnAt } = stressViews(machine, plan);
  const devices = Array.from({ length: plan.devices }, () => ({ injected: 0, delivered: 0 }));
  for (const [index, source] of plan.sources.entries()) {
    const device = devices[source.device];
    if (!device) continue;
    device.injected += tally.sent(index);
    device.delivered += tally.deliveries(index);
  }
  const counts = <K extends string>(names: readonly K[], read: (name: K, index: number) => number) =>
    Object.fromEntries(names.map((name, index) => [name, read(name, index)])) as Record<K, number>;
  return {
    vcpus: Array.from({ length: plan.vcpus }, (_, vcpu) => {
      const { halts, pollHits } = machine.control(vcpu).counters();
      return {
        delivered: tally.taken(vcpu),
        halts,
        pollHits,
        latency: pairs.latencyOf(vcpu),
        devices: devices.map((_, device) => ({
          delivered: pairs.delivered(vcpu, device),
          latency: pairs.latency(vcpu, device),
        })),
      };
    }),
    devices,
    churn: counts(CHURN_COUNTS, (_, index) => load(machine.words, churnAt + index)),
    violations: counts(VIOLATIONS, (kind) => proof.count(kind)),
  };
}
