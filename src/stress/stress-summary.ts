import type { Machine } from '../board/machine.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { perturbationFigures } from '../memory/perturbation/account.ts';
import { load } from '../memory/word.ts';
import { DESIGNS } from '../vmm/designs.ts';
import type { Pairs } from './pairs.ts';
import type { Violation } from './proof.ts';
import type { StressOptions } from './stress-build.ts';
import { isPerturbed, type Plan, stressViews } from './stress-plan.ts';
import {
  CHURN_COUNTS,
  type ChurnCount,
  type DeviceShare,
  type LineFigures,
  type NamedViolation,
  type PairShare,
  type StressResult,
} from './stress-result.ts';
import type { Tally } from './stress-tally.ts';

type Run = {
  readonly options: StressOptions;
  readonly machine: Machine;
  readonly plan: Plan;
  readonly tally: Tally;
  readonly seconds: number;
  readonly bootMs: number;
  readonly interrupted: boolean;
  readonly stuckLines: number;
};

/** Makes the result of a run that has come to rest. */
export function stressResult({
  options,
  machine,
  plan,
  tally,
  seconds,
  bootMs,
  interrupted,
  stuckLines,
}: Run): StressResult {
  const { proof, pairs, churnAt, perturbation } = stressViews(machine, plan);
  const { injected, delivered } = tally;
  const all = new Distribution(LATENCY);
  for (const histogram of pairs.histograms) histogram.addTo(all);
  const devices = Array.from({ length: plan.devices }, (_, device) => deviceShare(plan, tally, device));
  const { abi = 'merged', lines = 'irq-line', dispatch, churn, seed, fault, spis } = options;
  return {
    schemaVersion: 1,
    command: 'stress',
    config: {
      vcpus: plan.vcpus,
      devices: plan.devices,
      events: plan.sources.length - spis,
      spis,
      abi,
      eventsAs: DESIGNS[abi].msi === 'lpi' ? 'lpi' : 'spi',
      lines,
      dispatch,
      churn,
      seed,
      fault,
      perturb: plan.perturb ?? 'off',
      source: 'boot' in options.input ? options.input.name : 'synthetic',
    },
    injected,
    delivered,
    coalesced: devices.reduce((sum, device) => sum + device.coalesced, 0),
    lost: proof.count('lost'),
    misrouted: proof.count('misrouted'),
    spurious: proof.count('spurious'),
    stranded: proof.count('stranded'),
    interrupted,
    seconds,
    injectedPerSecond: injected / seconds,
    deliveredPerSecond: delivered / seconds,
    latencyNs: all.summary(),
    churn: Object.fromEntries(
      CHURN_COUNTS.map((name, index) => [name, load(machine.words, churnAt + index)]),
    ) as Record<ChurnCount, number>,
    perturbation: isPerturbed(plan) ? perturbationFigures(machine.words, perturbation) : null,
    lines: lineFigures(machine, plan, stuckLines),
    violations: proof.violations().map((violation) => named(violation, plan)),
    vcpus: Array.from({ length: plan.vcpus }, (_, vcpu) => {
      const { halts, pollHits } = machine.control(vcpu).counters();
      return {
        vcpu,
        delivered: tally.taken(vcpu),
        halts,
        pollHits,
        latencyNs: pairs.latencyOf(vcpu).summary(),
        devices: devices.map((_, device) => pairShare(pairs, vcpu, device)),
      };
    }),
    devices,
    sharedBytes: machine.buffer.byteLength,
    bootMs,
  };
}

function lineFigures(machine: Machine, plan: Plan, stuck: number): LineFigures | null {
  const { account, lines, proof } = stressViews(machine, plan);
  const totals = account.totals();
  if (totals.lines === 0) return null;
  const lostLevels = lines.flatMap(({ sources }) =>
    sources.filter((source) => !proof.isSettled(source)),
  ).length;
  return {
    ...totals,
    stuck,
    lostLevels,
    takenPerRaise: totals.raises === 0 ? 0 : totals.taken / totals.raises,
  };
}

function pairShare(pairs: Pairs, vcpu: number, device: number): PairShare {
  const latency = pairs.latency(vcpu, device)?.summary();
  return {
    delivered: pairs.delivered(vcpu, device),
    latencyNs: latency ? { count: latency.count, p50: latency.p50, p99: latency.p99 } : null,
  };
}

function deviceShare(plan: Plan, tally: Tally, device: number): DeviceShare {
  const share = { sources: 0, injected: 0, delivered: 0, coalesced: 0 };
  plan.sources.forEach((source, index) => {
    if (source.device !== device) return;
    share.sources++;
    share.injected += tally.sent(index);
    share.delivered += tally.deliveries(index);
    // A level may be delivered more often than it was signalled: while its line is high it comes again.
    share.coalesced += Math.max(0, tally.sent(index) - tally.deliveries(index));
  });
  return { name: `device${device}`, ...share };
}

function named(violation: Violation, plan: Plan): NamedViolation {
  const source = plan.sources[violation.source];
  if (!source) return { ...violation, device: 'none', deviceId: -1, eventId: -1, gsi: -1 };
  const { device, deviceId, eventId, gsi } = source;
  return { ...violation, device: `device${device}`, deviceId, eventId, gsi };
}
