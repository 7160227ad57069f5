import type { Fault } from '../board/config.ts';
import type { Machine } from '../board/machine.ts';
import type { Violation } from '../board/proof.ts';
import type { DesignName } from '../kvm/designs/design.ts';
import { DESIGNS } from '../kvm/designs/designs.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Distribution, type Summary } from '../measure/distribution.ts';
import { load } from '../memory/word.ts';
import type { Pairs } from './pairs.ts';
import type { LineTotals } from './shared-lines.ts';
import type { StressOptions } from './stress-build.ts';
import {
  CHURN_COUNTS,
  type Churn,
  type ChurnCount,
  type LineMode,
  type Plan,
  stressViews,
} from './stress-plan.ts';
import type { Tally } from './stress-tally.ts';

/** A vCPU's share of a run. */
export type VcpuShare = {
  readonly vcpu: number;
  readonly delivered: number;
  /** Times it parked, and halts that polling cut short. */
  readonly halts: number;
  readonly pollHits: number;
  readonly latencyNs: Summary;
  /** What it took of each device, in their order. */
  readonly devices: readonly PairShare[];
};

/** What one vCPU took of one device: handlers run, and their latencies, null where pairs are too many to tell them apart. */
export type PairShare = {
  readonly delivered: number;
  readonly latencyNs: Pick<Summary, 'count' | 'p50' | 'p99'> | null;
};

/** A device's share of a run. */
export type DeviceShare = {
  readonly name: string;
  readonly sources: number;
  readonly injected: number;
  readonly delivered: number;
  readonly coalesced: number;
};

/** A violation with every name that its source has. -1 where it has none of that kind. */
export type NamedViolation = Violation & {
  readonly device: string;
  readonly deviceId: number;
  readonly eventId: number;
  readonly gsi: number;
};

/** What `irqloom stress --json` prints. */
export type StressResult = {
  readonly schemaVersion: 1;
  readonly command: 'stress';
  readonly config: {
    readonly vcpus: number;
    readonly devices: number;
    /** DevID:EvID pairs in all. */
    readonly events: number;
    readonly spis: number;
    readonly abi: DesignName;
    /** What an event ends in: an SPI stands in for it where no irqfd of the design leads to the ITS. */
    readonly eventsAs: 'lpi' | 'spi';
    readonly lines: LineMode;
    readonly dispatch: Dispatch;
    readonly churn: Churn;
    readonly seed: number;
    readonly fault: Fault;
    /** The recorded guest's file, or `synthetic`. */
    readonly source: string;
  };
  readonly injected: number;
  readonly delivered: number;
  /** Signals that were covered by a delivery that another signal had asked for. */
  readonly coalesced: number;
  readonly lost: number;
  readonly misrouted: number;
  readonly spurious: number;
  readonly stranded: number;
  /** Whether the user ended the run before its time. */
  readonly interrupted: boolean;
  readonly seconds: number;
  readonly injectedPerSecond: number;
  readonly deliveredPerSecond: number;
  /** From the signal to the handler; a signal that found an earlier one waiting is not timed. */
  readonly latencyNs: Summary;
  readonly churn: Readonly<Record<ChurnCount, number>>;
  /** Of lines that devices hold until they are served; null where there are none. */
  readonly lines: LineFigures | null;
  readonly violations: readonly NamedViolation[];
  readonly vcpus: readonly VcpuShare[];
  readonly devices: readonly DeviceShare[];
  readonly sharedBytes: number;
  /** From the first thread's start until all were ready. */
  readonly bootMs: number;
};

/** What became of level-triggered lines on resampling irqfds. */
export type LineFigures = LineTotals & {
  /** Up at the end, while no device asserts them. */
  readonly stuck: number;
  /** Levels that a device still asserts at the end, and no handler has seen. */
  readonly lostLevels: number;
  /** Times a handler ran for each raise of a line: above 1, a line was taken again that nobody had raised. */
  readonly takenPerRaise: number;
};

/** Whether the machine kept its promises. */
export function held(result: Pick<StressResult, 'lost' | 'misrouted' | 'spurious' | 'stranded'>): boolean {
  return result.lost + result.misrouted + result.spurious + result.stranded === 0;
}

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
  const { proof, pairs, churnAt } = stressViews(machine, plan);
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
