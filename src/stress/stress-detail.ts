import { load } from '../memory/word.ts';
import { VIOLATIONS } from './proof.ts';
import { type Plan, type StressMachine, stressViews } from './stress-plan.ts';
import { CHURN_COUNTS, type StressDetail } from './stress-result.ts';
import type { Tally } from './stress-tally.ts';

/** Reads all counts; any time, on the main thread. The run goes on meanwhile, so the parts are not of one moment. */
export function stressDetail(machine: StressMachine, plan: Plan, tally: Tally): StressDetail {
  const { proof, pairs, churnAt, sgis, still } = stressViews(machine, plan);
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
    stillPhases: still.figures.phases,
    violations: counts(VIOLATIONS, (kind) => proof.count(kind) + sgis.count(kind)),
  };
}
