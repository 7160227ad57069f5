import type { VcpuId } from '../arch/intid.ts';
import type { Gic } from '../gic/gic.ts';
import { NONE } from '../gic/interrupts.ts';
import type { ListRegisterCounters } from '../gic/list-registers.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { perturbationFigures } from '../memory/perturbation/account.ts';
import { load } from '../memory/word.ts';
import { DESIGNS } from '../vmm/designs.ts';
import type { Pairs } from './pairs.ts';
import { type Proof, VIOLATIONS, type Violation, type ViolationKind } from './proof.ts';
import type { RulesResult } from './rules/rules-result.ts';
import type { StressOptions } from './stress-build.ts';
import { isPerturbed, type Plan, type StressMachine, stressViews } from './stress-plan.ts';
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
  readonly machine: StressMachine & { readonly gic?: Pick<Gic, 'listRegisters'> };
  readonly plan: Plan;
  readonly tally: Tally;
  readonly seconds: number;
  readonly bootMs: number;
  readonly interrupted: boolean;
  readonly stuckLines: number;
  /** The driver's counts of the rules at rest. */
  readonly rules?: RulesResult;
};

const NO_RULES: RulesResult = { looks: 0, rules: 0, broken: 0, breaches: [] };

/** The counters of all vCPUs' list registers. */
function listRegisterFigures(gic: Pick<Gic, 'listRegisters'> | undefined): ListRegisterCounters | null {
  if (gic === undefined || gic.listRegisters.length === 0) return null;
  const all = gic.listRegisters.map((registers) => registers.counters());
  const sum = (counter: keyof ListRegisterCounters) => all.reduce((total, each) => total + each[counter], 0);
  return {
    entries: sum('entries'),
    overflows: sum('overflows'),
    maintenance: sum('maintenance'),
    counted: sum('counted'),
  };
}

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
  rules = NO_RULES,
}: Run): StressResult {
  const { proof, pairs, churnAt, perturbation, still, sgis, coverage } = stressViews(machine, plan);
  const { injected, delivered } = tally;
  const all = new Distribution(LATENCY);
  for (const histogram of pairs.histograms) histogram.addTo(all);
  const devices = Array.from({ length: plan.devices }, (_, device) =>
    deviceShare(plan, tally, proof, device),
  );
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
      ...(options.listRegisters === undefined ? {} : { listRegisters: options.listRegisters }),
      ...('boot' in options.input || options.input.itses === undefined ? {} : { itses: options.input.itses }),
      source: 'boot' in options.input ? options.input.name : 'synthetic',
    },
    injected,
    delivered,
    coalesced: devices.reduce((sum, device) => sum + device.coalesced, 0),
    raised: plan.sources.reduce((sum, _, source) => sum + proof.raised(source), 0),
    ...violationCounts(proof, sgis),
    interrupted,
    seconds,
    injectedPerSecond: injected / seconds,
    deliveredPerSecond: delivered / seconds,
    latencyNs: all.summary(),
    stampEvery: plan.stampEvery ?? 1,
    churn: Object.fromEntries(
      CHURN_COUNTS.map((name, index) => [name, load(machine.words, churnAt + index)]),
    ) as Record<ChurnCount, number>,
    coverage: coverage.read(machine.layout, perturbation),
    stillness: still.figures.phases === 0 ? null : still.figures,
    rules: rules.looks === 0 ? null : rules,
    sgis: sgis.sources === 0 ? null : sgiFigures(sgis),
    perturbation: isPerturbed(plan) ? perturbationFigures(machine.words, perturbation) : null,
    listRegisters: listRegisterFigures(machine.gic),
    programs: null,
    lines: lineFigures(machine, plan, stuckLines),
    violations: namedViolations(machine, plan),
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

function lineFigures(machine: StressMachine, plan: Plan, stuck: number): LineFigures | null {
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

function pairShare(pairs: Pairs, vcpu: VcpuId, device: number): PairShare {
  const latency = pairs.latency(vcpu, device)?.summary();
  return {
    delivered: pairs.delivered(vcpu, device),
    latencyNs: latency ? { count: latency.count, p50: latency.p50, p99: latency.p99 } : null,
  };
}

/** Violations of each kind. Those of SGIs are kept by their own proof while the vCPUs run. */
export function violationCounts(proof: Proof, sgis: Proof): Record<ViolationKind, number> {
  return Object.fromEntries(VIOLATIONS.map((kind) => [kind, proof.count(kind) + sgis.count(kind)])) as Record<
    ViolationKind,
    number
  >;
}

/** Counts of 32 bits: a run would have to send SGIs for days to wrap them. */
function sgiFigures(sgis: Proof): { sent: number; delivered: number } {
  let sent = 0;
  let delivered = 0;
  for (let pair = 0; pair < sgis.sources; pair++) {
    sent += (sgis.sent(pair) >>> 0) + sgis.raised(pair);
    delivered += sgis.deliveries(pair) >>> 0;
  }
  return { sent, delivered };
}

function deviceShare(plan: Plan, tally: Tally, proof: Proof, device: number): DeviceShare {
  const share = { sources: 0, injected: 0, delivered: 0, coalesced: 0 };
  plan.sources.forEach((source, index) => {
    if (source.device !== device) return;
    share.sources++;
    share.injected += tally.sent(index);
    share.delivered += tally.deliveries(index);
    // A level may have more deliveries than signals: a vCPU takes the level again while its line is high.
    share.coalesced += Math.max(0, tally.sent(index) + proof.raised(index) - tally.deliveries(index));
  });
  return { name: `device${device}`, ...share };
}

/** The first violations, each with the names that its source has in the plan. */
export function namedViolations(machine: StressMachine, plan: Plan): NamedViolation[] {
  const { proof, sgis } = stressViews(machine, plan);
  // A vCPU sends an SGI, and no source of a device does.
  const ofSgis = sgis.violations().map((violation) => ({ ...violation, source: NONE }));
  return [...proof.violations(), ...ofSgis].map((violation) => named(violation, plan));
}

function named(violation: Violation, plan: Plan): NamedViolation {
  const source = plan.sources[violation.source];
  const churn = plan.churn === 'none' ? 'none' : (CHURN_COUNTS[violation.churn - 1] ?? 'mixed');
  if (!source) return { ...violation, churn, device: 'none', deviceId: -1, eventId: -1, gsi: -1 };
  const { device, deviceId, eventId, gsi } = source;
  return { ...violation, churn, device: `device${device}`, deviceId, eventId, gsi };
}
